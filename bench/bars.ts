import { STANDARD_MODULES_ONLY } from './density.ts'
import { doorExtras } from './doors.ts'
import type { Figures } from './figures.ts'
import { idlePercent } from './idle.ts'
import { slowestPreloaded } from './imports.ts'
import { type LoadFigure, toRestoreLoop } from './load.ts'
import { nativeRatio } from './native.ts'
import { type ProgramId, programOf } from './programs.ts'
import { figure, type Report, ratio } from './table.ts'
import { failureCount } from './tally.ts'

/** What the project wants to reach, and what was measured. */
export interface Bar {
  readonly bar: string
  readonly unit: string
  readonly at: 'most' | 'least'
  readonly limit: number
  /** Undefined when what it needs was not measured. */
  readonly measured: number | undefined
}

/** The bars, as a pure function of the figures. */
export function barsOf(figures: Figures): Bar[] {
  const { warm, bare, native, imports, burst, load, callers, doors } = figures
  const { sessions, e2b, sessionSleep, idle, density, start } = figures
  const toBare = (id: ProgramId) => quotient(warm?.[id]?.latencyMs.p50, bare?.[id]?.[0]?.timeMs.p50)
  const perGigabyte = (kind: string) => density?.find((one) => one.kind === kind)?.perGigabyte
  const busiest = (program: ProgramId) =>
    load?.loads
      .filter((one) => one.program === program)
      .reduce<LoadFigure | undefined>((a, b) => (a && a.clients > b.clients ? a : b), undefined)
  const sustained = (program: ProgramId) => {
    const most = busiest(program)
    const measured = load && most && toRestoreLoop(load, most)
    const title = `Sustained ${programOf(program).title}, ${most?.clients ?? 'many'} callers`
    return least(`${title}, to the engine's restore loop`, '×', 0.9, measured)
  }
  const most = (bar: string, unit: string, limit: number, measured: number | undefined) =>
    ({ bar, unit, at: 'most', limit, measured }) as const
  const least = (bar: string, unit: string, limit: number, measured: number | undefined) =>
    ({ bar, unit, at: 'least', limit, measured }) as const
  return [
    most('Warm Python, p50, to a bare `python3 -I -c pass`', '×', 0.25, toBare('python')),
    most('Warm Python, p99', 'ms', 15, warm?.python?.latencyMs.p99),
    most('Warm Node.js, p50, to a bare `node -e 0`', '×', 0.2, toBare('nodejs')),
    most(
      'Warm pandas, p50, to plain Python',
      '×',
      2,
      quotient(warm?.pandas?.latencyMs.p50, warm?.python?.latencyMs.p50),
    ),
    most(
      'First import of a preloaded library, p50 of the slowest, to a bare process',
      '×',
      0.5,
      imports && slowestPreloaded(imports),
    ),
    most('`/v1/runs`, p50, to `/run`', '×', 1.15, native && nativeRatio(native)),
    most('First output of a stream, p50', 'ms', 20, native?.firstOutputMs.p50),
    most(
      'First output of many streams, p50, beside one that is not read to without it',
      '×',
      1.5,
      quotient(native?.besideSlow.firstOutputMs.p50, native?.manyStreams.firstOutputMs.p50),
    ),
    most('A run is accepted, p50', 'ms', 3, native?.accepted.acceptMs.p50),
    most('Memory of 1000 accepted runs that wait', 'MiB', 16, native?.accepted.grownMib),
    sustained('pandas'),
    sustained('python'),
    most(
      'Sustained load, failed runs',
      '',
      0,
      load?.loads.reduce((sum, { failures }) => sum + failureCount(failures), 0),
    ),
    ...[500, 1000].map((limit, index) => {
      // The first figure is that beside nobody.
      const one = callers?.[index + 1]
      const title = `An honest caller's p90 beside ${one?.beside ?? 'endless loops'}`
      return most(title, 'ms', limit, one?.latencyMs.p90)
    }),
    ...doorExtras(doors ?? []).map(({ door, extraMs, limitMs }) =>
      most(`Door ${door}, p50 beyond that of /v1/runs`, 'ms', limitMs, extraMs),
    ),
    most('Create a session where a sandbox is ready, p50', 'ms', 10, sessions?.createMs.p50),
    most('First cell in it, p50', 'ms', 20, sessions?.firstRunMs.p50),
    most('Script in a ready session, p50', 'ms', 3, sessions?.scriptMs.p50),
    most('Cell in a ready session, p50', 'ms', 8, sessions?.cellMs.p50),
    most('E2B: create, p50', 'ms', 30, e2b?.createMs.p50),
    most('E2B: runCode("1+1"), p50', 'ms', 15, e2b?.runMs.p50),
    most(
      'Cell in a frozen session, p50 beyond that in a ready one',
      'ms',
      5,
      sessions && sessions.frozenMs.p50 - sessions.cellMs.p50,
    ),
    most('Hibernate with pandas and 50 MB of data, p50', 'ms', 600, sessionSleep?.hibernateMs.p50),
    most('Resume it, p50', 'ms', 400, sessionSleep?.resumeMs.p50),
    most('Fork of 4, p50', 'ms', 4000, sessionSleep?.forkMs.p50),
    most('Memory of a session on disk', 'MB', 2, sessionSleep?.idle.memoryMbEach),
    most(
      `Burst of ${burst?.size ?? 'the pool size'}, p50, to one run`,
      '×',
      3,
      quotient(burst?.allMs.p50, burst?.oneMs.p50),
    ),
    most('Second start, p50', 'ms', 2000, start?.p50),
    most(
      `Idle pool of ${idle?.executors ?? 'executors'}`,
      '% of one core',
      1,
      idle && idlePercent(idle),
    ),
    least('Idle Python, standard modules', 'per GB', 40, perGigabyte(STANDARD_MODULES_ONLY)),
    least('Idle Python, pandas and matplotlib', 'per GB', 15, perGigabyte('python')),
  ]
}

export function isMet({ at, limit, measured }: Bar): boolean | undefined {
  if (measured === undefined) return undefined
  return at === 'most' ? measured <= limit : measured >= limit
}

function quotient(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a / b
}

export function barsReport(bars: readonly Bar[]): Report {
  return {
    title: 'Bars',
    columns: ['bar', 'measured', 'wanted', 'met'],
    rows: bars.map((bar) => {
      const show = (value: number) => {
        const number = bar.unit === '×' ? ratio(value) : figure(value)
        return `${Number.isInteger(value) ? value : number} ${bar.unit}`.trim()
      }
      const met = isMet(bar)
      return [
        bar.bar,
        bar.measured === undefined ? 'not measured' : show(bar.measured),
        `at ${bar.at} ${show(bar.limit)}`,
        met === undefined ? '-' : met ? 'yes' : '**no**',
      ]
    }),
    notes: [
      "Measured elsewhere, not in this run, on a machine of this kind: RAGFlow's reference " +
        'executor_manager (Docker and runsc, a pool of 3) takes 1100 ms for Python, 2500 ms with ' +
        'pandas, 1600 ms for Node.js, and makes 1.7 runs a second.',
    ],
  }
}
