import { readFileSync, rmSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { ExecutorManager } from '../../src/manager.ts'
import { ExecutorCgroup } from './cgroups.ts'
import { type Answer, Client } from './client.ts'
import { isAtRest, mountsOf, strayChildrenOf } from './footprint.ts'
import { openManager } from './manager.ts'
import { makePrivateHome } from './private-home.ts'
import { hasRootImages } from './root-images.ts'
import { executorsOf, NO_TRACES, runscProcesses, tracesOf, until } from './traces.ts'

const SIZE = 2
/**
 * They compute for two seconds of processor time, so that the cgroup's clock tells from the outside that user
 * code runs, and so that on a busy machine none ends long before the other has begun.
 */
const PROGRAMS: Record<string, string> = {
  python: `import time
def main():
    end = time.process_time() + 2
    while time.process_time() < end: pass
    import wave
    return "done"`,
  nodejs: `function main() {
  const start = process.cpuUsage()
  while (process.cpuUsage(start).user < 2e6);
  require('node:fs').readdirSync('/usr/lib')
  return 'done'
}`,
}
const SHORT: Record<string, string> = {
  python: 'def main(): return "done"',
  nodejs: 'function main() { return "done" }',
}
const LANGUAGES = Object.keys(PROGRAMS)

const DONE = {
  status: 'success',
  exit_code: 0,
  result: { present: true, value: 'done', type: 'json' },
}
const KILLED = {
  status: 'runtime_error',
  exit_code: 137,
  runtime_error_type: 'signalled',
  stdout: '',
  stderr: '',
  result: null,
  artifacts: [],
}
export type Target = 'sentry' | 'gofer' | 'all'
/** Without a gofer where the root file system is served by none. */
export const TARGETS: readonly Target[] = hasRootImages()
  ? ['sentry', 'all']
  : ['sentry', 'gofer', 'all']
/** A sandbox may do without its gofer, having opened its files before. */
const OUTCOMES: Record<Target, readonly object[]> = {
  sentry: [KILLED],
  gofer: [DONE, KILLED],
  all: [KILLED],
}

const client = new Client()
const { pid } = process
let home: string
let manager: ExecutorManager

/**
 * Defines tests that kill processes of a sandbox with kill -9, in every state of its executor. Whatever was
 * killed: the answer is right or says so, the executor is replaced, and nothing of it stays.
 * @param how executors are restored from snapshots, or of a cold start
 * @param targets which processes are killed
 */
export function testKills(how: 'restored' | 'cold', targets: readonly Target[]): void {
  describe(`executors ${how}`, () => defineKills(how === 'restored', targets))
}

function defineKills(snapshots: boolean, targets: readonly Target[]): void {
  // A restore that was killed takes its snapshot for spoilt; not the one that others use.
  beforeAll(async () => {
    home = makePrivateHome()
    const limits = { wallTimeMs: 30_000 }
    const settings = { home, snapshots, poolSize: SIZE, logLevel: 'silent', limits }
    manager = await openManager({ ...settings, runtimes: LANGUAGES })
    client.url = await manager.start()
    await atRest()
  })

  // Whatever was killed: everything is as it was.
  afterEach(async () => {
    await atRest()
    expect(mountsOf(pid, home)).toEqual([])
    expect(strayChildrenOf(pid)).toEqual([])
  })

  afterAll(async () => {
    for (const language of LANGUAGES) {
      expect(await client.run(language, SHORT[language] as string)).toMatchObject(DONE)
    }
    await manager.stop()
    rmSync(home, { recursive: true, force: true })
    expect(tracesOf(pid)).toEqual(NO_TRACES)
  })

  describe.each(targets)('kill -9 of its %s', (target) => {
    test.each(LANGUAGES)('while a %s executor is made', async (language) => {
      let killed: number[] = []
      // The pool may have more than it needs: then not every run is followed by a new executor.
      while (killed.length === 0) {
        const known = executorsOf(pid)
        const isNew = (id: string) => id.startsWith(language) && !known.includes(id)
        await client.run(language, SHORT[language] as string)
        let isOver = false
        const hit = until(() => {
          if (!isOver)
            killed = executorsOf(pid)
              .filter(isNew)
              .flatMap((id) => kill(id, target))
          return isOver || killed.length > 0
        })
        await Promise.race([hit, atRest()])
        isOver = true
        await hit
      }
      await until(() => killed.every(isGone))
    })

    // Once it is ready, an executor is as any other.
    if (!snapshots) return

    test.each(LANGUAGES)('while a %s executor waits, frozen', async (language) => {
      const [victim] = executorsOf(pid)
        .filter((id) => id.startsWith(language))
        .sort(byAge)
      const killed = kill(victim as string, target)
      const runs = [0, 1].map(() => client.run(language, PROGRAMS[language] as string))
      const answers = await Promise.all(runs)
      // On cgroup v1 a frozen process dies when it is thawed, which is when a run has got it. On v2
      // it dies at once, and may be replaced before the run comes. No code has run in it either way.
      const outcomes = target === 'gofer' ? [DONE, KILLED] : [DONE]
      for (const answer of answers) expectOneOf(answer, outcomes)
      await until(() => killed.every(isGone))
    })

    test.each(LANGUAGES)(
      'while a %s run is going on; another one is untouched',
      async (language) => {
        const executors = executorsOf(pid).filter((id) => id.startsWith(language))
        const usedNs = executors.map((id) => runClock(id))
        const isRunning = (clock: () => number) => clock() > RUNNING_NS
        const runs = [0, 1].map(() => client.run(language, PROGRAMS[language] as string))
        await until(() => usedNs.filter(isRunning).length === 2)
        // The one that has more of its time left.
        const [victim] = executors
          .map((id, index) => ({ id, ns: usedNs[index]?.() ?? 0 }))
          .filter(({ ns }) => ns > RUNNING_NS)
          .sort((a, b) => a.ns - b.ns)
          .map(({ id }) => id)
        const killed = kill(victim as string, target)
        const answers = await Promise.all(runs)
        const rank = (status: string) => (status === 'success' ? 1 : 0)
        const [hit, other] = answers.sort((a, b) => rank(a.status) - rank(b.status))
        expectOneOf(hit as Answer, OUTCOMES[target])
        expect(other).toMatchObject(DONE)
        await until(() => killed.every(isGone))
      },
    )

    test.each(LANGUAGES)('while a %s executor is removed', async (language) => {
      const executors = executorsOf(pid).filter((id) => id.startsWith(language))
      const candidates = executors.map((id) => ({
        cgroup: new ExecutorCgroup(pid, id),
        pids: pidsOf(id, target),
      }))
      const answer = client.run(language, SHORT[language] as string)
      const leased = () => candidates.find(({ cgroup }) => !cgroup.isFrozen)
      while (!leased()) await new Promise(setImmediate)
      const { cgroup, pids } = leased() as (typeof candidates)[number]
      expect(await answer).toMatchObject(DONE)
      // Side by side with the manager, which does the same.
      for (; cgroup.exists; await new Promise(setImmediate)) {
        const alive = cgroup.pids
        killAll(pids.filter((victim) => alive.includes(victim)))
      }
    })
  })

  if (!targets.includes('all') || !snapshots) return

  test('kill -9 of all its processes at any moment of a short run', async () => {
    for (let step = 0; step < 12; step++) {
      const [victim] = executorsOf(pid)
        .filter((id) => id.startsWith('python'))
        .sort(byAge)
      const answer = client.run('python', SHORT.python as string)
      await sleep(step)
      kill(victim as string, 'all')
      expectOneOf(await answer, [DONE, KILLED])
      await atRest()
    }
  })
}

const atRest = () => until(() => isAtRest(client, pid, SIZE))

function expectOneOf(answer: Answer, outcomes: readonly object[]): void {
  expect(outcomes.map((outcome) => expect.objectContaining(outcome))).toContainEqual(answer)
}

const byAge = (a: string, b: string) => Number(a.split('-')[1]) - Number(b.split('-')[1])

/** @returns the pids that were killed */
function kill(executor: string, target: Target): number[] {
  return killAll(pidsOf(executor, target))
}

function pidsOf(executor: string, target: Target): number[] {
  if (target === 'all') return new ExecutorCgroup(pid, executor).pids
  const name = target === 'sentry' ? 'runsc-sandbox' : 'runsc-gofer'
  return runscProcesses(pid)
    .filter(({ command }) => command.startsWith(name) && command.includes(`/${executor} `))
    .map((process) => process.pid)
}

function killAll(pids: readonly number[]): number[] {
  return pids.filter((victim) => {
    try {
      process.kill(victim, 'SIGKILL')
      return true
    } catch {
      return false // Gone between the two calls.
    }
  })
}

/** A zombie is gone as well: what is left of it is for its parent. */
function isGone(victim: number): boolean {
  try {
    return /^State:\s+Z/m.test(readFileSync(`/proc/${victim}/status`, 'utf8'))
  } catch {
    return true
  }
}

/** After so much processor time user code must be running. */
const RUNNING_NS = 200e6

/** Tells how much processor time an executor has used from now on; less than nothing once it is gone. */
function runClock(executor: string): () => number {
  const cgroup = new ExecutorCgroup(pid, executor)
  const idle = cgroup.cpuTimeNs
  return () => cgroup.cpuTimeNs - idle
}
