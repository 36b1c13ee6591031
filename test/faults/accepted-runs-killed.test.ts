import { rmSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { scaledMs } from '../../src/lib/time-scale.ts'
import { freePort, type Service, startService } from '../support/service.ts'
import { SmallInternet } from '../support/small-internet.ts'
import { realHome } from './own-disk.ts'

const MOMENTS = 10
const RUNS_EACH = 6
/** Calls a server outside, so that it can be counted there, and goes on for a while. */
const CODE = 'curl -s "http://203.0.113.10/ran/$1" >/dev/null; sleep 0.2; echo done'

/**
 * The manager dies at ten moments of the lives of accepted runs: while they are accepted, wait, begin, run and
 * end. What it had accepted is there after the restart, and no program has run twice.
 */
test(
  'kill -9 at ten moments: nothing that was accepted is lost, nothing runs twice',
  async () => {
    const internet = new SmallInternet()
    onTestFinished(() => internet.close())
    await internet.open()
    const port = String(await freePort())
    onTestFinished(() =>
      rmSync(path.join(realHome, 'jobs', port), { recursive: true, force: true }),
    )
    const settings = { ...internet.settings, SANDBOX_EXECUTOR_MANAGER_PORT: port }
    const start = () => startService(settings, internet.through)

    let service = await start()
    const accepted: { id: string; name: string }[] = []
    for (let moment = 0; moment < MOMENTS; moment++) {
      const submitted = submitAll(service, moment, accepted)
      await sleep(moment * 90)
      service.kill('SIGKILL')
      expect(await service.ended()).toBe('SIGKILL')
      await submitted
      service = await start()
    }
    const ends = new Map<string, number>()
    for (const { id, name } of accepted) {
      const run = await endOf(service, id)
      ends.set(run.status, (ends.get(run.status) ?? 0) + 1)
      const times = internet.log.split('\n').filter((line) => line.endsWith(`/ran/${name}`)).length
      if (run.status === 'succeeded') {
        expect([name, times, run.outcome.stdout]).toEqual([name, 1, 'done\n'])
      } else {
        expect([name, run.status, run.problem.type]).toEqual([name, 'lost', '/problems/lost'])
        expect(times).toBeLessThanOrEqual(1)
      }
    }
    console.log(`accepted ${accepted.length}: ${JSON.stringify([...ends])}`)
    // Some of them waited while the manager died.
    expect(ends.get('succeeded') ?? 0).toBeGreaterThan(0)
    service.kill('SIGTERM')
    expect(await service.ended()).toBe(0)
    // Eleven starts and some sixty runs, on a machine that may be busy.
  },
  scaledMs(1_200_000),
)

/** Adds those that were accepted; the others never got an answer. */
async function submitAll(
  { client: { url } }: Service,
  moment: number,
  accepted: { id: string; name: string }[],
): Promise<void> {
  for (let count = 0; count < RUNS_EACH; count++) {
    const name = `${moment}-${count}`
    try {
      const response = await fetch(`${url}/v1/runs`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', prefer: 'respond-async' },
        body: JSON.stringify({ language: 'bash', code: CODE, argv: [name] }),
      })
      if (response.status !== 202) throw new Error(`${response.status} ${await response.text()}`)
      accepted.push({ id: ((await response.json()) as { id: string }).id, name })
    } catch (error) {
      // The manager has died.
      if (!(error instanceof TypeError)) throw error
      return
    }
  }
}

// biome-ignore lint/suspicious/noExplicitAny: the test looks into it
async function endOf({ client: { url } }: Service, id: string): Promise<any> {
  for (;;) {
    const response = await fetch(`${url}/v1/runs/${id}`, { headers: { prefer: 'wait=30' } })
    expect([id, response.status]).toEqual([id, 200])
    const run = (await response.json()) as { status: string }
    if (run.status !== 'queued' && run.status !== 'running') return run
  }
}
