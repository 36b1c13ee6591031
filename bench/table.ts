import type { Summary } from './statistics.ts'

/** What is printed of one topic. */
export interface Report {
  readonly title: string
  readonly columns: readonly string[]
  readonly rows: readonly (readonly string[])[]
  /** Sentences below the table. */
  readonly notes?: readonly string[]
}

export function markdown({ title, columns, rows, notes = [] }: Report): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  const rule = columns.map((_column, index) => (index === 0 ? '---' : '---:'))
  const table = [line(columns), line(rule), ...rows.map(line)].join('\n')
  return [`### ${title}`, table, ...notes].join('\n\n')
}

/** p50, p90 and p99 as three cells. */
export function percentileCells({ p50, p90, p99 }: Summary): string[] {
  return [p50, p90, p99].map(figure)
}

/** Three digits, or all before the point. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return '-'
  const size = Math.abs(value)
  return value.toFixed(size < 10 ? 2 : size < 100 ? 1 : 0)
}

/** A ratio; small ones need more digits to tell anything. */
export function ratio(value: number): string {
  if (!Number.isFinite(value)) return '-'
  return Math.abs(value) < 0.1 ? value.toFixed(3) : figure(value)
}
