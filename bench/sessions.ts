import { setTimeout as sleep } from 'node:timers/promises'
import type { Bench } from './context.ts'
import type { Service } from './service.ts'
import { SessionCalls } from './session-calls.ts'
import { type Summary, summarize } from './statistics.ts'
import { percentileCells, type Report } from './table.ts'

/** Runs in sessions of Python. */
export interface SessionFigures {
  /** Where a sandbox was ready. */
  readonly createMs: Summary
  /** The first cell after that. */
  readonly firstRunMs: Summary
  /** Where none was ready. */
  readonly createAnewMs: Summary
  readonly firstRunAnewMs: Summary
  readonly cellMs: Summary
  /** Without IPython: mode `script`. */
  readonly scriptMs: Summary
  readonly frozenMs: Summary
}

const FROZEN = 8
/** What the service does after an answer is over by then. */
const PAUSE_MS = 300
const CELL = '1 + 1'

/** Creates sessions, and runs a cell again and again in one, over a connection that is kept. */
export async function measureSessions(bench: Bench, service: Service): Promise<SessionFigures> {
  bench.say('sessions')
  const { options, interrupt } = bench
  const calls = new SessionCalls(bench, service)
  const pause = (ms: number) => sleep(ms, undefined, { signal: interrupt })
  const times = () => [] as number[]
  const [created, first, createdAnew, firstAnew] = [times(), times(), times(), times()]
  const [cells, scripts, frozen] = [times(), times(), times()]
  const idle = { freeze_ms: 100, hibernate_ms: null }
  const begin = async (creations: number[], runs: number[]) => {
    const id = await calls.timed(creations, () => calls.create({ idle }))
    await calls.timed(runs, () => calls.run(id, CELL))
    return id
  }
  try {
    // From now on one is kept ready.
    await calls.delete(await calls.create())
    for (let count = 0; count < options.sessions; count++) {
      await calls.untilReady()
      await pause(PAUSE_MS)
      const ready = await begin(created, first)
      // The next one is not ready yet.
      const anew = await begin(createdAnew, firstAnew)
      for (const id of [ready, anew]) await calls.delete(id)
    }
    const id = await calls.create({ idle })
    for (let count = 0; count < options.samples; count++) {
      await calls.timed(cells, () => calls.run(id, CELL))
      await calls.timed(scripts, () => calls.run(id, CELL, { mode: 'script' }))
    }
    for (let count = 0; count < FROZEN; count++) {
      while ((await calls.told(id)).state !== 'frozen') await pause(50)
      await calls.timed(frozen, () => calls.run(id, CELL))
    }
    await calls.delete(id)
  } finally {
    calls.close()
  }
  return {
    createMs: summarize(created),
    firstRunMs: summarize(first),
    createAnewMs: summarize(createdAnew),
    firstRunAnewMs: summarize(firstAnew),
    cellMs: summarize(cells),
    scriptMs: summarize(scripts),
    frozenMs: summarize(frozen),
  }
}

export function sessionsReport(figures: SessionFigures): Report {
  return {
    title: 'Sessions of Python, one request at a time (ms)',
    columns: ['what', 'p50', 'p90', 'p99'],
    rows: [
      ['create, where a sandbox is ready', ...percentileCells(figures.createMs)],
      ['first cell in it', ...percentileCells(figures.firstRunMs)],
      ['create, where none is ready', ...percentileCells(figures.createAnewMs)],
      ['first cell in it, which starts Python', ...percentileCells(figures.firstRunAnewMs)],
      ['cell in a ready session', ...percentileCells(figures.cellMs)],
      ['script in a ready session, without IPython', ...percentileCells(figures.scriptMs)],
      ['cell in a frozen session', ...percentileCells(figures.frozenMs)],
    ],
  }
}
