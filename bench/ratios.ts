import type { BareFigures } from './bare.ts'
import type { ColdFigures } from './cold.ts'
import { type ProgramId, programOf } from './programs.ts'
import { figure, type Report, ratio } from './table.ts'
import type { WarmFigures } from './warm.ts'

/** Warm runs beside bare processes and cold sandboxes, at the median. */
export function ratioReport(
  warm: WarmFigures,
  bare: BareFigures | undefined,
  cold: ColdFigures | undefined,
): Report {
  const rows = Object.entries(warm).map(([key, { latencyMs }]) => {
    const id = key as ProgramId
    const warmMs = latencyMs.p50
    const bareMs = bare?.[id]?.[0]?.timeMs.p50 ?? Number.NaN
    const coldMs = cold?.[id]?.p50 ?? Number.NaN
    return [
      programOf(id).title,
      ...[warmMs, bareMs, coldMs].map(figure),
      ratio(warmMs / bareMs),
      ratio(coldMs / warmMs),
    ]
  })
  return {
    title: 'Ratios, of the p50',
    columns: ['program', 'warm ms', 'bare ms', 'cold ms', 'warm / bare', 'cold / warm'],
    rows,
  }
}
