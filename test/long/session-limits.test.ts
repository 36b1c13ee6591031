import { expect, test } from 'vitest'
import { MIB } from '../../src/lib/units.ts'
import { useManager } from '../support/manager.ts'
import { sessionClient, soon } from '../support/session-client.ts'

const client = useManager({
  runtimes: ['python'],
  readySessions: 1,
  sessionsPerCaller: 8,
  limits: { memoryBytes: 512 * MIB, processes: 64 },
})
const { call, create, command } = sessionClient(() => client.url)
const python = (more = {}) => create({ template: 'python', ...more })

/** Sandboxes of Python that wait for a session, as the status tells. */
async function readyCount(): Promise<number> {
  const status = (await (await fetch(`${client.url}/v1/status`)).json()) as {
    executors: { pool: string; count: number }[]
  }
  return status.executors.find(({ pool }) => pool === 'session-python')?.count ?? -1
}

async function sleepAndWake(id: string): Promise<void> {
  expect((await call('POST', `/${id}/pause`)).json().state).toBe('hibernated')
  expect(await command(id, 'echo awake')).toMatchObject({ stdout: 'awake\n' })
}

test('a ready sandbox gets the memory and the processors that are asked for, and keeps them', async () => {
  await python()
  await soon(readyCount).toBe(1)
  const id = await python({ limits: { memory_mb: 128, cpus: 0.5 } })
  expect((await call('GET', `/${id}`)).json().limits).toMatchObject({ memory_mb: 128, cpus: 0.5 })
  // It was a ready one: its interpreter runs.
  const { stdout } = await command(id, "cat /proc/[0-9]*/cmdline | tr '\\0' ' '")
  expect(stdout).toContain('/kernel.py')
  await sleepAndWake(id)
  const hold = (mb: number) => command(id, `python3 -c 'print(len(b"x" * ${mb} * 2**20))'`)
  expect((await hold(16)).status).toBe('succeeded')
  const { status } = await call('POST', `/${id}/commands`, {
    command: `python3 -c 'x = b"x" * (300 * 2**20); print(len(x))'`,
  })
  if (status === 200)
    await soon(async () => (await call('GET', `/${id}`)).json().state).toMatch(/dead|lost/)
  const other = await python()
  expect(await command(other, `python3 -c 'print(len(b"x" * (300 * 2**20)))'`)).toMatchObject({
    stdout: `${300 * MIB}\n`,
  })
})

test('processes and disk that are asked for are those of its sandbox, after it slept too', async () => {
  const id = await python({ limits: { processes: 20, disk_mb: 5 } })
  const look = async () => {
    expect(await command(id, 'ulimit -u')).toMatchObject({ stdout: '20\n' })
    const { stdout: pids } = await command(
      id,
      'for i in $(seq 40); do sleep 1000 & done 2> /dev/null; jobs | wc -l; kill $(jobs -p)',
    )
    expect(Number(pids || 0)).toBeLessThan(20)
    const { stdout: size } = await command(id, 'head -c 9M /dev/zero > big; stat -c %s big; rm big')
    expect(Number(size)).toBeLessThanOrEqual(5 * MIB)
  }
  await look()
  await sleepAndWake(id)
  await look()
})

test('files are there from the beginning; what cannot be had is refused by its name', async () => {
  const id = await python({
    files: [
      { path: 'a/b.txt', content: 'text ü' },
      { path: 'c.bin', content_base64: Buffer.from([0, 255]).toString('base64') },
    ],
    network: 'none',
  })
  expect(await command(id, 'cat a/b.txt; od -An -tx1 c.bin; stat -c %U c.bin')).toMatchObject({
    stdout: expect.stringMatching(/^text ü 00 ff\n/),
  })
  const before = (await call('GET', '')).json().sessions.length
  for (const [members, pointer] of [
    [{ limits: { memory_mb: 100_000 } }, '/limits/memory_mb'],
    [{ limits: { cpus: 1000 } }, '/limits/cpus'],
    [{ limits: { processes: 1000 } }, '/limits/processes'],
    [{ limits: { disk_mb: 1e6 } }, '/limits/disk_mb'],
    [{ limits: { more: 1 } }, '/limits'],
    [{ network: 'egress' }, '/network'],
    [{ files: [{ path: 'x', content_base64: '!' }] }, '/files/0/content_base64'],
    [{ files: [{ path: '../x', content: '' }] }, '/files/0/path'],
    [
      {
        files: [
          { path: 'x', content: '' },
          { path: 'x/y', content: '' },
        ],
      },
      '/files/1/path',
    ],
    [{ limits: { disk_mb: 1 }, files: [{ path: 'x', content: 'x'.repeat(2 * MIB) }] }, '/files/0'],
    [{ snapshot: 'x', network: 'none' }, '/network'],
  ] as const) {
    const { status, text, json } = await call('POST', '', { template: 'python', ...members })
    expect(status, text).toBe(400)
    expect(json().errors[0].pointer, text).toBe(pointer)
  }
  expect((await call('GET', '')).json().sessions.length).toBe(before)
})
