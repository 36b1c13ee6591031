import { setTimeout as sleep } from 'node:timers/promises'
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

/** Runs one at a time over one connection, each on a full pool. */
export async function measureWarm(bench: Bench, service: Service): Promise<WarmFigures> {
  const figures: Partial<Record<ProgramId, WarmFigure>> = {}
  for (const program of PROGRAMS) {
    bench.say(`warm runs: ${program.title}`)
    figures[program.id] = await measureProgram(bench, service, program)
  }
  return figures
}

async function measureProgram(
  { options, interrupt }: Bench,
  service: Service,
  program: Program,
): Promise<WarmFigure> {
  const client = service.client()
  const tally = new Tally()
  try {
    // The first opens the connection and warms both ends; it does not count.
    for (let count = 0; count <= options.samples; count++) {
      await service.untilFull(client)
      await sleep(options.pauseMs, undefined, { signal: interrupt })
      const run = await client.run(program)
      if (count > 0) tally.add(run)
    }
  } finally {
    client.close()
  }
  return {
    latencyMs: summarize(tally.latenciesMs),
    serviceMs: summarize(tally.servicesMs),
    failures: tally.failures,
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
