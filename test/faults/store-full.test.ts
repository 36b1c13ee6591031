import { mkdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { scaledMs } from '../../src/lib/time-scale.ts'
import { MIB } from '../../src/lib/units.ts'
import { fill } from '../support/full-disk.ts'
import { NativeClient } from '../support/native-client.ts'
import { freePort, startService } from '../support/service.ts'
import { until } from '../support/traces.ts'
import { realHome } from './own-disk.ts'

const ASYNC = { headers: { prefer: 'respond-async' } }
const MOUNT = 'mount -t tmpfs -o size=16m tmpfs "$1"; shift; exec "$@"'

/** Accepted runs lie on a disk of their own, which gets full while some wait, one executes and one has ended. */
test('a full store refuses new runs in words, loses none that it accepted, and recovers with space', async () => {
  const port = String(await freePort())
  const folder = path.join(realHome, 'jobs', port)
  mkdirSync(folder, { recursive: true })
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const service = await startService(
    { SANDBOX_EXECUTOR_MANAGER_PORT: port, SANDBOX_TIMEOUT: `${scaledMs(60_000)}ms` },
    ['unshare', '--mount', 'sh', '-ec', MOUNT, 'sh', folder],
  )
  const client = new NativeClient()
  client.url = service.client.url
  const ballast = path.join(`/proc/${service.pid}/root`, folder, 'ballast')
  const submit = (code: string, stdin = '') => client.run({ language: 'bash', code, stdin }, ASYNC)
  const get = async (id: string) => (await client.fetch(`/v1/runs/${id}`)).body
  const isOver = (status: string) => status !== 'queued' && status !== 'running'
  const accept = async (code: string): Promise<string> => (await submit(code)).body.id

  const ended = await accept('echo before; echo kept > file.txt')
  await until(async () => isOver((await get(ended)).status))
  // It goes on until its file is there, and there is one executor.
  const executing = await accept('sleep 15; echo during; head -c 3000000 /dev/zero > zeros')
  await until(async () => (await get(executing)).status === 'running')
  const waiting = await Promise.all([1, 2, 3].map((n) => accept(`echo ${n}`)))
  fill(ballast)

  // Little may fit into what the store's log has of the disk already.
  const refused = await submit('echo refused', 'x'.repeat(MIB))
  expect(refused).toMatchObject({ status: 507, body: { type: '/problems/storage-full' } })
  expect(refused.body.detail).toContain('its disk is full')
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
  // What needs no store goes on, and what is there can be read.
  expect((await client.run({ language: 'python', code: 'print(1)' })).body.stdout).toBe('1\n')
  expect((await get(ended)).outcome.stdout).toBe('before\n')
  expect((await client.fetch(`/v1/runs/${ended}/files/file.txt`)).text).toBe('kept\n')
  // It cannot end while what it left cannot be written down.
  await until(() => service.output().includes('The store cannot be used'))
  expect((await get(executing)).status).toBe('running')
  expect((await submit('echo refused', 'x'.repeat(MIB))).status).toBe(507)

  rmSync(ballast)
  const outcomes = []
  for (const id of [executing, ...waiting]) {
    await until(async () => isOver((await get(id)).status))
    const { status, outcome, started_at } = await get(id)
    outcomes.push([status, outcome?.stdout])
    expect(started_at).not.toBeNull()
  }
  expect(outcomes).toEqual(['during', 1, 2, 3].map((text) => ['succeeded', `${text}\n`]))
  expect((await get(executing)).outcome.files).toMatchObject([{ path: 'zeros', size: 3_000_000 }])
  const after = await accept('echo after')
  await until(async () => isOver((await get(after)).status))
  expect((await get(after)).outcome.stdout).toBe('after\n')
  service.kill('SIGTERM')
  expect(await service.ended()).toBe(0)
})
