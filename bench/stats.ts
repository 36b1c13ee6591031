/** Milliseconds of many repetitions of one thing. */
export class Samples {
  readonly #sorted: number[]

  constructor(samplesMs: readonly number[]) {
    this.#sorted = [...samplesMs].sort((a, b) => a - b)
  }

  get count(): number {
    return this.#sorted.length
  }

  /** @param share 0.5 for the median; the nearest rank */
  percentile(share: number): number {
    const rank = Math.max(1, Math.ceil(share * this.#sorted.length))
    return this.#sorted[rank - 1] ?? Number.NaN
  }

  get p50(): number {
    return this.percentile(0.5)
  }
}

/** Three digits are what such a measurement is good for. */
export function digits(value: number): string {
  if (!Number.isFinite(value)) return '–'
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3)
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}
