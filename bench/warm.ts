import { setTimeout as sleep } from 'node:timers/promises'
import { type BareFigure, type BareFigures, bareProcesses, timeBare } from './bare.ts'
import type { Bench } from './context.ts'
import { PROGRAMS, type Program, type ProgramId, programOf } from './programs.ts'
import type { Service } from './service.ts'
import { type Summary, summarize } from './statistics.ts'
import { figure, percentileCells, type Report } from './table.ts'
import { type Failures, failureCell, Tally } from './tally.ts'

export interface WarmFigure {
  readonly latencyMs: Summary
  /** What the service says it spent: the rest is HTTP and this caller. */
  readonly serviceMs: Summary
  readonly failures: Failures
}

export type WarmFigures = Readonly<Partial<Record<ProgramId, WarmFigure>>>

/**
 * Runs one at a time over one connection, each on a full pool, and by turns with them the bare
 * processes that do the same: the machine's speed changes within minutes.
 */
export async function measureWarm(
  bench: Bench,
  service: Service,
): Promise<{ warm: WarmFigures; bare: BareFigures }> {
  const warm: Partial<Record<ProgramId, WarmFigure>> = {}
  const bare: Partial<Record<ProgramId, readonly BareFigure[]>> = {}
  for (const program of PROGRAMS) {
    bench.say(`warm runs and bare processes: ${program.title}`)
    const figures = await measureProgram(bench, service, program)
    warm[program.id] = figures.warm
    bare[program.id] = figures.bare
  }
  return { warm, bare }
}

async function measureProgram(
  bench: Bench,
  service: Service,
  program: Program,
): Promise<{ warm: WarmFigure; bare: readonly BareFigure[] }> {
  const { options, interrupt } = bench
  const bareSamples = program.slow ? options.slowSamples : options.samples
  const processes = bareProcesses(bench, program).map((process) => ({
    ...process,
    timesMs: [] as number[],
  }))
  const client = service.client()
  const tally = new Tally()
  const rest = async () => {
    await service.untilFull(client)
    await sleep(options.pauseMs, undefined, { signal: interrupt })
  }
  try {
    // The first opens the connection, fills the page cache and warms both ends; it does not count.
    for (let count = 0; count <= Math.max(options.samples, bareSamples); count++) {
      if (count <= options.samples) {
        await rest()
        const run = await client.run(program)
        if (count > 0) tally.add(run)
      }
      for (const process of count <= bareSamples ? processes : []) {
        await rest()
        const timeMs = await timeBare(process)
        if (count > 0) process.timesMs.push(timeMs)
      }
    }
  } finally {
    client.close()
  }
  return {
    warm: {
      latencyMs: summarize(tally.latenciesMs),
      serviceMs: summarize(tally.servicesMs),
      failures: tally.failures,
    },
    bare: processes.map(({ title, timesMs }) => ({ title, timeMs: summarize(timesMs) })),
  }
}

export function warmReport(figures: WarmFigures): Report {
  return {
    title: 'Warm runs: `POST /run` over a connection that is kept open, an executor ready',
    columns: ['program', 'p50 ms', 'p90 ms', 'p99 ms', 'max ms', 'p50 ms in it', 'runs', 'failed'],
    rows: Object.entries(figures).map(([id, { latencyMs, serviceMs, failures }]) => [
      programOf(id as ProgramId).title,
      ...percentileCells(latencyMs),
      figure(latencyMs.max),
      figure(serviceMs.p50),
      String(latencyMs.count),
      failureCell(failures),
    ]),
    notes: ['"in it": what the service spent on the run, by its `Server-Timing` header.'],
  }
}
