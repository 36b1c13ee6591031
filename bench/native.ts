import { setTimeout as sleep } from 'node:timers/promises'
import { type AcceptedFigures, measureAccepted } from './accepted.ts'
import type { Bench } from './context.ts'
import { programOf } from './programs.ts'
import type { Service } from './service.ts'
import { type Summary, summarize } from './statistics.ts'
import { latenesses, type ManyStreams, measureManyStreams, stream } from './streams.ts'
import { figure, percentileCells, type Report, ratio } from './table.ts'
import { type Failures, failureCell, Tally } from './tally.ts'

/** The native API beside `/run`, and its streams. */
export interface NativeFigures {
  /** The same program by turns through both. */
  readonly runMs: Summary
  readonly nativeMs: Summary
  /** From the write in the sandbox until the event is here: the first of a run, and all of them. */
  readonly firstOutputMs: Summary
  readonly outputMs: Summary
  readonly manyStreams: ManyStreams
  /** The same beside a caller that reads nothing of its stream. */
  readonly besideSlow: ManyStreams
  readonly accepted: AcceptedFigures
  readonly failures: Failures
}

const PROGRAM = programOf('python')
const LINES = 20
/** Says when it writes. The sandbox has the host's clock. */
const TELLS_TIME = `import time
for _ in range(${LINES}):
    print(time.time_ns(), flush=True)
    time.sleep(0.02)`

export async function measureNative(bench: Bench, service: Service): Promise<NativeFigures> {
  const { options, interrupt } = bench
  const client = service.client()
  const [byRun, byNative] = [new Tally(), new Tally()]
  const rest = async () => {
    await service.untilFull(client)
    await sleep(options.pauseMs, undefined, { signal: interrupt })
  }
  const first: number[] = []
  const all: number[] = []
  try {
    bench.say('/v1/runs beside /run')
    for (let count = 0; count <= options.samples; count++) {
      const turns = [[byRun, '/run'] as const, [byNative, '/v1/runs'] as const]
      // Neither is always the first after the other.
      for (const [tally, path] of count % 2 === 0 ? turns : turns.reverse()) {
        await rest()
        const run = await client.run(PROGRAM, path)
        if (count > 0) tally.add(run)
      }
    }
    bench.say('streams')
    for (let count = 0; count < options.slowSamples; count++) {
      await rest()
      const late: number[] = []
      await stream(service, { code: TELLS_TIME }, (text) => {
        late.push(...latenesses(text))
      })
      if (late[0] !== undefined) first.push(late[0])
      all.push(...late)
    }
    bench.say('accepted runs that wait')
    await rest()
    const accepted = await measureAccepted(service, interrupt)
    bench.say('many streams at once, then beside one that is not read')
    await rest()
    const manyStreams = await measureManyStreams(service, interrupt, false)
    await rest()
    const besideSlow = await measureManyStreams(service, interrupt, true)
    return {
      runMs: summarize(byRun.latenciesMs),
      nativeMs: summarize(byNative.latenciesMs),
      firstOutputMs: summarize(first),
      outputMs: summarize(all),
      manyStreams,
      besideSlow,
      accepted,
      failures: { ...byRun.failures, ...byNative.failures },
    }
  } finally {
    client.close()
  }
}

/** p50 of the native API to that of `/run`. */
export function nativeRatio({ runMs, nativeMs }: NativeFigures): number {
  return nativeMs.p50 / runMs.p50
}

export function nativeReport(figures: NativeFigures): Report {
  const { runMs, nativeMs, firstOutputMs, outputMs, manyStreams, besideSlow, accepted } = figures
  const row = (title: string, summary: Summary, failed = '') => [
    title,
    ...percentileCells(summary),
    figure(summary.max),
    String(summary.count),
    failed,
  ]
  const { count } = manyStreams
  return {
    title: 'The native API: `POST /v1/runs`',
    columns: ['what', 'p50 ms', 'p90 ms', 'p99 ms', 'max ms', 'times', 'failed'],
    rows: [
      row(`${PROGRAM.title} by \`/run\``, runMs, failureCell(figures.failures)),
      row(`${PROGRAM.title} by \`/v1/runs\`, by turns with it`, nativeMs),
      row('first output of a stream, from its write in the sandbox', firstOutputMs),
      row('all output', outputMs),
      row(`first output of ${count} streams at once`, manyStreams.firstOutputMs),
      row('the same beside a stream that is not read', besideSlow.firstOutputMs),
      row(`${count} streams at once, until each has ended`, manyStreams.endMs),
      row('the same beside a stream that is not read', besideSlow.endMs),
      row('a run is accepted, many waiting', accepted.acceptMs),
    ],
    notes: [
      `\`/v1/runs\` to \`/run\` at p50: ${ratio(nativeRatio(figures))}. The ${count} streams are of as many ` +
        `callers, and wait for executors; ${manyStreams.refused} and ${besideSlow.refused} times one was ` +
        'refused for want of one and asked for again. While ' +
        `${accepted.waiting} accepted runs of ${figure(accepted.sentMib)} MiB in all came to wait, the ` +
        `service's memory grew by ${figure(accepted.grownMib)} MiB.`,
    ],
  }
}
