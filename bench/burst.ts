import { setTimeout as sleep } from 'node:timers/promises'
import type { Bench } from './context.ts'
import { programOf } from './programs.ts'
import type { Service } from './service.ts'
import { type Summary, summarize } from './statistics.ts'
import { percentileCells, type Report, ratio } from './table.ts'
import { type Failures, failureCell, Tally } from './tally.ts'

export interface BurstFigures {
  /** Runs at once: as many as the pool has executors. */
  readonly size: number
  /** Of one run alone. */
  readonly oneMs: Summary
  /** From the first request until the last of all answers. */
  readonly allMs: Summary
  readonly failures: Failures
}

const PROGRAM = programOf('python')

/** As many runs at once as there are executors ready, and one alone between two bursts. */
export async function measureBurst(bench: Bench, service: Service): Promise<BurstFigures> {
  const { options, config, interrupt } = bench
  bench.say('bursts')
  const size = config.poolSize
  const client = service.client()
  const runs = new Tally()
  const oneMs: number[] = []
  const allMs: number[] = []
  const rest = async () => {
    await service.untilFull(client)
    await sleep(options.pauseMs, undefined, { signal: interrupt })
  }
  const together = async (count: number): Promise<number> => {
    await rest()
    const started = performance.now()
    const answers = await Promise.all(Array.from({ length: count }, () => client.run(PROGRAM)))
    for (const answer of answers) runs.add(answer)
    return performance.now() - started
  }
  try {
    // Opens the connections; it does not count.
    await together(size)
    while (allMs.length < options.bursts) {
      oneMs.push(await together(1))
      allMs.push(await together(size))
    }
  } finally {
    client.close()
  }
  return { size, oneMs: summarize(oneMs), allMs: summarize(allMs), failures: runs.failures }
}

export function burstReport({ size, oneMs, allMs, failures }: BurstFigures): Report {
  const row = (title: string, summary: Summary, failed: string) => [
    title,
    ...percentileCells(summary),
    ratio(summary.p50 / oneMs.p50),
    String(summary.count),
    failed,
  ]
  return {
    title: `Burst: ${PROGRAM.title}, as many runs at once as the pool has executors`,
    columns: ['until', 'p50 ms', 'p90 ms', 'p99 ms', 'to one, p50', 'times', 'failed'],
    rows: [
      row('one alone is answered', oneMs, ''),
      row(`all of ${size} are answered`, allMs, failureCell(failures)),
    ],
  }
}
