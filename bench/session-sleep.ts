import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Bench } from './context.ts'
import { type CpuUse, cpuUse } from './idle.ts'
import { SandboxCounters } from './sandbox-counters.ts'
import type { Service } from './service.ts'
import { SessionCalls } from './session-calls.ts'
import { type Summary, summarize } from './statistics.ts'
import { figure, percentileCells, type Report } from './table.ts'

/** Sessions that go to disk, come back, and are copied. */
export interface SessionSleepFigures {
  readonly hibernateMs: Summary
  readonly resumeMs: Summary
  /** The first cell after that, which looks at all of the data. */
  readonly firstRunMs: Summary
  readonly diskMb: number
  readonly forkMs: Summary
  readonly idle: IdleSessions
}

/** Sessions on disk that nobody uses. */
export interface IdleSessions extends CpuUse {
  readonly sessions: number
  /** What the manager and all sandboxes hold more than without them, for each. */
  readonly memoryMbEach: number
}

const COPIES = 4
const MEGABYTE = 1e6
/** pandas, and 50 MB of random numbers. */
const DATA = `import numpy, pandas
frame = pandas.DataFrame(numpy.random.default_rng().random((50 * 1024 * 128, 1)))
len(frame)`

export async function measureSessionSleep(
  bench: Bench,
  service: Service,
): Promise<SessionSleepFigures> {
  const calls = new SessionCalls(bench, service)
  try {
    bench.say('sessions that sleep on disk')
    const slept = await measureSleep(bench, calls)
    bench.say('copies of sessions')
    const forkMs = await measureForks(bench, calls)
    bench.say(`${bench.options.idleSessions} sessions on disk`)
    return { ...slept, forkMs, idle: await measureIdleSessions(bench, service, calls) }
  } finally {
    calls.close()
  }
}

async function measureSleep({ options }: Bench, calls: SessionCalls) {
  const [hibernated, resumed, first]: [number[], number[], number[]] = [[], [], []]
  const id = await calls.create({ idle: { freeze_ms: null, hibernate_ms: null } })
  await calls.run(id, DATA)
  for (let count = 0; count < options.sessions; count++) {
    await calls.timed(hibernated, () => calls.send('POST', `/${id}/pause`))
    await calls.timed(resumed, () => calls.send('POST', `/${id}/resume`, {}))
    await calls.timed(first, () => calls.run(id, 'frame.sum()'))
  }
  const { checkpoint } = await calls.told(id)
  await calls.delete(id)
  return {
    hibernateMs: summarize(hibernated),
    resumeMs: summarize(resumed),
    firstRunMs: summarize(first),
    diskMb: (checkpoint?.bytes ?? Number.NaN) / MEGABYTE,
  }
}

async function measureForks({ options }: Bench, calls: SessionCalls): Promise<Summary> {
  const forks: number[] = []
  const id = await calls.create()
  await calls.run(id, 'x = 1')
  for (let count = 0; count < options.sessions; count++) {
    const fork = () => calls.send('POST', `/${id}/fork`, { count: COPIES })
    const { sessions } = JSON.parse(await calls.timed(forks, fork)) as {
      sessions: { id: string }[]
    }
    for (const copy of sessions) await calls.delete(copy.id)
  }
  await calls.delete(id)
  return summarize(forks)
}

async function measureIdleSessions(
  bench: Bench,
  service: Service,
  calls: SessionCalls,
): Promise<IdleSessions> {
  const { options, interrupt } = bench
  const counters = new SandboxCounters(service.pid)
  const heldMb = () => {
    const ofSessions = [...counters.memory()].filter(([name]) => name.startsWith('session-'))
    const sandboxes = ofSessions.flatMap(([, all]) => all.map(({ totalBytes }) => totalBytes))
    return (sandboxes.reduce((sum, bytes) => sum + bytes, 0) + rssBytes(service.pid)) / MEGABYTE
  }
  await calls.untilReady()
  const before = heldMb()
  const ids: string[] = []
  for (let count = 0; count < options.idleSessions; count++) {
    const id = await calls.create()
    await calls.run(id, 'x = 1')
    await calls.send('POST', `/${id}/pause`)
    ids.push(id)
  }
  await calls.untilReady()
  // What the last of them has left to do is over by then.
  await sleep(5000, undefined, { signal: interrupt })
  const memoryMbEach = (heldMb() - before) / ids.length
  const use = await cpuUse(service.pid, options.idleSeconds, interrupt)
  for (const id of ids) await calls.delete(id)
  return { ...use, sessions: ids.length, memoryMbEach }
}

/** Resident memory of a process (proc_pid_status(5)). */
function rssBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024
}

export function sessionSleepReport(figures: SessionSleepFigures): Report {
  const { hibernateMs, resumeMs, firstRunMs, diskMb, forkMs, idle } = figures
  const { sessions, memoryMbEach, managerPercent, sandboxesPercent } = idle
  return {
    title: 'Sessions of Python on disk',
    columns: ['', 'p50', 'p90', 'p99'],
    rows: [
      ['hibernate with pandas and 50 MB of data, ms', ...percentileCells(hibernateMs)],
      ['resume it, ms', ...percentileCells(resumeMs)],
      ['first cell then, which reads all data, ms', ...percentileCells(firstRunMs)],
      ['its size on disk, MB', figure(diskMb), '', ''],
      [`fork of ${COPIES}, until all are awake, ms`, ...percentileCells(forkMs)],
      [`${sessions} sessions on disk: memory of each, MB`, figure(memoryMbEach), '', ''],
      ['processor of all, % of one core', figure(managerPercent + sandboxesPercent), '', ''],
    ],
  }
}
