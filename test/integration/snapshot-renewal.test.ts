import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test, vi } from 'vitest'
import { ApiKeys } from '../../src/api/api-keys.ts'
import { scaledMs } from '../../src/lib/time-scale.ts'
import { type Answer, base64 } from '../support/client.ts'
import { usePrivateManager } from '../support/private-manager.ts'
import { sample } from '../support/sample.ts'
import { until } from '../support/traces.ts'

sample(4)

vi.setConfig({ testTimeout: scaledMs(240_000), hookTimeout: scaledMs(240_000) })

const HOUR_MS = 3_600_000

const manager = usePrivateManager({ runtimes: ['bash'] })

async function answersRight(): Promise<void> {
  const answer = await manager.client.run('bash', 'echo 3')
  expect(answer).toMatchObject({ status: 'success', stdout: '3\n' })
}

test('a snapshot that programs have used is renewed, and serves meanwhile', async () => {
  await manager.start({ snapshotRenewal: { ageMs: 1000, restores: 1000 } })
  const [first] = manager.snapshots()
  const seen = new Set<string>()
  await until(async () => {
    await answersRight()
    const now = manager.snapshots()
    expect(now.length).toBeGreaterThan(0)
    for (const name of now) seen.add(name)
    return seen.size >= 4 && !now.includes(first as string)
  })
  expect(await manager.metric('executor_made_seconds_count{runtime="bash",how="boot"}')).toBe(0)
  await manager.stop()
  // What was replaced is removed; two stay for the next start.
  expect(readdirSync(path.join(manager.home, 'snapshots'))).toHaveLength(2)
})

test('so it is after many restores', async () => {
  await manager.start({ snapshotRenewal: { ageMs: 24 * HOUR_MS, restores: 2 } })
  const [first] = manager.snapshots()
  await until(async () => {
    await answersRight()
    return !manager.snapshots().includes(first as string)
  })
})

test('a start serves from an old snapshot at once, and renews it afterwards', async () => {
  await manager.start({ snapshotRenewal: null })
  await manager.stop()
  const [old] = manager.snapshots()
  const factsFile = path.join(manager.home, 'snapshots', old as string, 'snapshot.json')
  const facts = JSON.parse(readFileSync(factsFile, 'utf8'))
  writeFileSync(factsFile, JSON.stringify({ ...facts, createdAtMs: Date.now() - 5 * HOUR_MS }))
  await manager.start({ snapshotRenewal: { ageMs: HOUR_MS, restores: 1000 } })
  expect(manager.snapshots()).toEqual([old])
  await answersRight()
  await until(() => !manager.snapshots().includes(old as string))
  await answersRight()
  expect(await manager.metric('executor_made_seconds_count{runtime="bash",how="boot"}')).toBe(0)
})

test('with snapshots of its own, a key shares addresses with no other key', async () => {
  const pairs = { alice: 'a-key-of-16-characters', bob: 'b-key-of-16-characters' }
  const text = Object.entries(pairs).map((pair) => pair.join(':'))
  const keys = ApiKeys.parse(text.join(',')) as ApiKeys
  await manager.start({ keys, snapshotsPerKey: true })
  const addressesOf = async (key: string) => {
    const code_b64 = base64('od -An -tx8 /proc/$$/auxv')
    const response = await fetch(`${manager.client.url}/run`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
      body: JSON.stringify({ code_b64, language: 'bash' }),
    })
    const answer = (await response.json()) as Answer
    expect(answer).toMatchObject({ status: 'success' })
    return answer.stdout
  }
  const alice = await addressesOf(pairs.alice)
  const bob = await addressesOf(pairs.bob)
  expect(alice).not.toBe(bob)
  expect(await addressesOf(pairs.alice)).toBe(alice)
  expect(await addressesOf(pairs.bob)).toBe(bob)
})
