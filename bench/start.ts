import type { Bench } from './context.ts'
import { Service } from './service.ts'
import { type Summary, summarize } from './statistics.ts'
import { percentileCells, type Report } from './table.ts'

/** From the spawn of the start command until `/healthz` answers 200, in ms. */
export type StartFigures = Summary

/** Starts and stops the service. Images and snapshots must be there. */
export async function measureStart(bench: Bench): Promise<StartFigures> {
  const timesMs: number[] = []
  while (timesMs.length < bench.options.starts) {
    bench.say('second starts')
    const service = await Service.start(bench)
    timesMs.push(service.startMs)
    await service.stop()
  }
  return summarize(timesMs)
}

export function startReport(figures: StartFigures): Report {
  return {
    title: 'Second start: everything cached, until an executor of each runtime is ready',
    columns: ['until', 'p50 ms', 'p90 ms', 'p99 ms', 'starts'],
    rows: [['`/healthz` answers 200', ...percentileCells(figures), String(figures.count)]],
  }
}
