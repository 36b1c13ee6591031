import { availableParallelism } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import type { InstalledRuntime } from '../src/engine/runsc/installation.ts'
import { chooseTemplate, leanVariant } from '../src/runtimes/lean.ts'
import { type Bench, installedRuntime } from './context.ts'
import type { Sample } from './metrics.ts'
import { type ProgramId, programOf } from './programs.ts'
import { measureRestoreLoop } from './restore-loop.ts'
import { type LoopFigure, measureRunscLoop } from './runsc-loop.ts'
import type { Service } from './service.ts'
import { type Summary, summarize } from './statistics.ts'
import { figure, percentileCells, type Report, ratio } from './table.ts'
import { type Failures, failureCell, Tally } from './tally.ts'

export interface LoadFigure {
  readonly program: ProgramId
  readonly clients: number
  readonly seconds: number
  /** Right answers within that time. */
  readonly runs: number
  readonly runsPerSecond: number
  readonly latencyMs: Summary
  readonly failures: Failures
}

export interface LoadFigures {
  readonly loads: readonly LoadFigure[]
  /** Cold sandboxes of runsc alone. */
  readonly bareLoop: LoopFigure
  /** Restored executors of the engine alone, by program. */
  readonly restoreLoops: { readonly [program in ProgramId]?: LoopFigure }
  /** How the executors of the loads' runtime were made since the service started. */
  readonly made: readonly {
    readonly how: string
    readonly count: number
    readonly meanMs: number
  }[]
}

/** Until what had been ready is used up and the pool makes as many as are asked for. */
const RUN_IN_MS = 5000
/** Who is refused does not ask again at once. */
const AFTER_FAILURE_MS = 50
const PROGRAMS: readonly ProgramId[] = ['pandas', 'python']
const RUNTIME = programOf('pandas').runtime

/**
 * Each caller asks again as soon as it has its answer. Beside it, in the same run: the engine's own loop
 * of restored executors and a bare loop of cold sandboxes.
 */
export async function measureLoad(bench: Bench, service: Service): Promise<LoadFigures> {
  const { clients, loadSeconds } = bench.options
  const watcher = service.client()
  try {
    const loads: LoadFigure[] = []
    const restoreLoops: { [program in ProgramId]?: LoopFigure } = {}
    const parallel = availableParallelism()
    for (const program of PROGRAMS) {
      for (const count of clients) {
        await service.untilFull(watcher)
        bench.say(`sustained load: ${programOf(program).title}, ${count} callers`)
        loads.push(await drive(bench, service, program, count, loadSeconds))
      }
      await service.untilFull(watcher)
      bench.say(`sustained load: ${programOf(program).title}, the engine's restore loop beside it`)
      const template = templateOf(bench, program)
      restoreLoops[program] = await measureRestoreLoop(bench, template, parallel, loadSeconds)
    }
    bench.say('sustained load: the bare loop beside it')
    const bareLoop = await measureRunscLoop(bench, parallel, loadSeconds)
    const made = madeOf(await service.metrics(watcher), RUNTIME)
    return { loads, bareLoop, restoreLoops, made }
  } finally {
    watcher.close()
  }
}

/** The executor that the service takes for this program. */
function templateOf(bench: Bench, id: ProgramId): InstalledRuntime {
  const { runtime: name, code } = programOf(id)
  const installed = installedRuntime(bench, name)
  const { template } = chooseTemplate(installed.runtime, Buffer.from(code), false)
  const lean = template === name ? null : leanVariant(installed.runtime)
  return lean && bench.config.leanExecutors ? { ...installed, runtime: lean } : installed
}

async function drive(
  { interrupt }: Bench,
  service: Service,
  program: ProgramId,
  clients: number,
  seconds: number,
): Promise<LoadFigure> {
  const client = service.client()
  const tally = new Tally()
  let runs = 0
  const beginsMs = performance.now() + RUN_IN_MS
  const endsMs = beginsMs + seconds * 1000
  const caller = async () => {
    while (performance.now() < endsMs) {
      const run = await client.run(programOf(program))
      const nowMs = performance.now()
      // Counted by their end; a failure counts whenever it happens.
      const inTime = nowMs >= beginsMs && nowMs <= endsMs
      if (inTime || run.failure !== null) tally.add(run)
      if (inTime && run.failure === null) runs++
      if (run.failure !== null) await sleep(AFTER_FAILURE_MS, undefined, { signal: interrupt })
    }
  }
  try {
    await Promise.all(Array.from({ length: clients }, caller))
  } finally {
    client.close()
  }
  return {
    program,
    clients,
    seconds,
    runs,
    runsPerSecond: runs / seconds,
    latencyMs: summarize(tally.latenciesMs),
    failures: tally.failures,
  }
}

function madeOf(samples: readonly Sample[], runtime: string): LoadFigures['made'] {
  const name = 'executor_manager_executor_made_seconds'
  const histogram = (suffix: string, how: string) =>
    samples.find(
      (sample) =>
        sample.name === name + suffix &&
        sample.labels.runtime === runtime &&
        sample.labels.how === how,
    )?.value ?? 0
  return ['restore', 'boot']
    .map((how) => ({ how, count: histogram('_count', how), seconds: histogram('_sum', how) }))
    .filter(({ count }) => count > 0)
    .map(({ how, count, seconds }) => ({ how, count, meanMs: (seconds / count) * 1000 }))
}

/** The rate of a load to the rate of the restore loop of the same program; undefined if not measured. */
export function toRestoreLoop(figures: LoadFigures, load: LoadFigure): number | undefined {
  const loop = figures.restoreLoops[load.program]
  return loop && load.runsPerSecond / loop.perSecond
}

export function loadReport(figures: LoadFigures): Report {
  const { loads, bareLoop, restoreLoops, made } = figures
  const perSecondCells = (perSecond: number) => [
    figure(perSecond),
    ratio(perSecond / bareLoop.perSecond),
  ]
  const restores = PROGRAMS.flatMap((program) => {
    const loop = restoreLoops[program]
    if (!loop) return []
    const title = `restore loop of ${programOf(program).title}'s snapshot, ${loop.parallel} at once`
    return [[title, ...perSecondCells(loop.perSecond), '1', '', '', '', '0']]
  })
  return {
    title: `Sustained load: a fresh sandbox for each run, ${bareLoop.seconds} s`,
    columns: [
      ...['load', 'per second', 'to the bare loop', 'to the restore loop'],
      ...['p50 ms', 'p90 ms', 'p99 ms', 'failed'],
    ],
    rows: [
      ...loads.map((load) => [
        `${programOf(load.program).title}, ${load.clients} callers at once`,
        ...perSecondCells(load.runsPerSecond),
        ratio(toRestoreLoop(figures, load) ?? Number.NaN),
        ...percentileCells(load.latencyMs),
        failureCell(load.failures),
      ]),
      ...restores,
      [
        `bare loop of \`runsc run /bin/true\`, ${bareLoop.parallel} at once`,
        ...perSecondCells(bareLoop.perSecond),
        ...['', '', '', '', '0'],
      ],
    ],
    notes: made.map(
      ({ how, count, meanMs }) =>
        `Executors made since the start, by ${how}: ${count}, ${figure(meanMs)} ms each on average.`,
    ),
  }
}
