/** One line of Prometheus's text format. */
export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/

/** The samples of a text as our own service writes it: no escapes in labels, no timestamps. */
export function parseMetrics(text: string): Sample[] {
  return text.split('\n').flatMap((line) => {
    const match = LINE.exec(line)
    if (!match) return []
    const labels = [...(match[2] ?? '').matchAll(/(\w+)="([^"]*)"/g)]
    return {
      name: match[1] as string,
      labels: Object.fromEntries(labels.map(([, key, value]) => [key, value])),
      value: Number(match[3]),
    }
  })
}
