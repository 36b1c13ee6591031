import type { ExecutorMaker } from '../src/engine/runsc/executor-maker.ts'
import { plainTask } from '../src/run/task.ts'
import { type Bench, installedRuntime } from './context.ts'
import { makerOf, openEngine, variantOf } from './engine.ts'
import { isExpected, PROGRAMS, type Program, type ProgramId, programOf } from './programs.ts'
import { type Summary, summarize } from './statistics.ts'
import { percentileCells, type Report } from './table.ts'

/** Time from nothing until the answer, in ms. */
export type ColdFigures = Readonly<Partial<Record<ProgramId, Summary>>>

/** Sandboxes of the same isolation, booted from nothing for one run each, one at a time. */
export async function measureCold(bench: Bench): Promise<ColdFigures> {
  const engine = await openEngine(bench, null)
  try {
    const bare = variantOf(installedRuntime(bench, 'python'), 'python-bare', [])
    const makers = new Map(
      [...bench.installation.runtimes, bare].map((one) => [
        one.runtime.name,
        makerOf(engine, one, bench.config),
      ]),
    )
    const makerFor = ({ id, runtime }: Program) =>
      makers.get(id === 'python' ? 'python-bare' : runtime) as ExecutorMaker
    const figures: Partial<Record<ProgramId, Summary>> = {}
    for (const program of PROGRAMS) {
      bench.say(`cold sandboxes: ${program.title}`)
      const timesMs: number[] = []
      while (timesMs.length < bench.options.coldSamples) {
        timesMs.push(await timeOne(makerFor(program), program, bench))
      }
      figures[program.id] = summarize(timesMs)
    }
    return figures
  } finally {
    await engine.close()
  }
}

async function timeOne(
  maker: ExecutorMaker,
  program: Program,
  { config, interrupt }: Bench,
): Promise<number> {
  interrupt.throwIfAborted()
  const started = performance.now()
  const executor = await maker.create()
  try {
    const task = plainTask(Buffer.from(program.code), config.limits)
    const { transcript } = await executor.run(task, interrupt)
    const timeMs = performance.now() - started
    interrupt.throwIfAborted()
    const stdout = Buffer.concat(transcript.stdout).toString('utf8')
    if (!isExpected(program, transcript.result?.toString('utf8') ?? null, stdout)) {
      throw new Error(`${program.title}: a wrong answer from a cold sandbox`)
    }
    return timeMs
  } finally {
    await executor.dispose()
  }
}

export function coldReport(figures: ColdFigures): Report {
  return {
    title: 'Cold sandboxes: `runsc run` from nothing until the answer',
    columns: ['program', 'p50 ms', 'p90 ms', 'p99 ms', 'sandboxes'],
    rows: Object.entries(figures).map(([id, summary]) => [
      programOf(id as ProgramId).title,
      ...percentileCells(summary),
      String(summary.count),
    ]),
    notes: [
      'Plain Python boots without libraries; the other Python programs boot with all that the ' +
        'runtime loads beforehand, as the service does without a snapshot.',
    ],
  }
}
