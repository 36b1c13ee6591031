import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, onTestFinished, test } from 'vitest'
import { useManager } from '../support/manager.ts'
import { sample } from '../support/sample.ts'

sample(2)

const client = useManager({ runtimes: ['bash'], sessionsPerCaller: 3 })

async function call(method: string, path: string, body?: unknown, headers = {}) {
  const init: RequestInit = { method, headers }
  if (body instanceof Uint8Array) init.body = body
  else if (body !== undefined) {
    init.body = JSON.stringify(body)
    init.headers = { 'content-type': 'application/json', ...headers }
  }
  const response = await fetch(`${client.url}/v1/sessions${path}`, init)
  const text = await response.text()
  return { status: response.status, text, json: () => JSON.parse(text), headers: response.headers }
}

async function create(members = {}): Promise<string> {
  const { status, json, headers } = await call('POST', '', { template: 'bash', ...members })
  expect(status).toBe(201)
  expect(headers.get('location')).toBe(`/v1/sessions/${json().id}`)
  const { id } = json()
  onTestFinished(async () => void (await call('DELETE', `/${id}`)))
  return id
}

const command = async (id: string, line: string, members = {}) =>
  (await call('POST', `/${id}/commands`, { command: line, ...members })).json()

describe('a session over HTTP', () => {
  test('lives from its creation to its deletion', async () => {
    const id = await create({ metadata: { of: 'a test' }, env: { WORD: 'x' } })
    expect((await call('GET', `/${id}`)).json()).toMatchObject({
      id,
      template: 'bash',
      state: 'ready',
      metadata: { of: 'a test' },
      idle: { freeze_ms: 5000, hibernate_ms: 300_000 },
    })
    expect((await call('GET', '')).json().sessions.map((one: { id: string }) => one.id)).toEqual([
      id,
    ])
    expect(
      await command(id, 'echo $WORD $MORE; cat; exit 3', { stdin: 'in', env: { MORE: 'y' } }),
    ).toEqual({
      status: 'failed',
      exit_code: 3,
      signal: null,
      stdout: 'x y\nin',
      stderr: '',
      wall_ms: expect.any(Number),
    })
    const { expires_at } = (await call('PATCH', `/${id}`, { ttl_ms: 5000 })).json()
    expect(new Date(expires_at).getTime()).toBeLessThan(Date.now() + 60_000)
    expect((await call('DELETE', `/${id}`)).status).toBe(204)
    for (const [method, path] of [
      ['GET', ''],
      ['DELETE', ''],
      ['POST', '/pause'],
      ['POST', '/resume'],
    ] as const) {
      expect((await call(method, `/${id}${path}`)).status).toBe(404)
    }
  })

  test('does what the document shows', async () => {
    const text = readFileSync(path.join(import.meta.dirname, '../../docs/sessions.md'), 'utf8')
    const [, example = ''] = /```sh\n([\s\S]*?)```/.exec(text) ?? []
    const lines = example.replaceAll('http://127.0.0.1:9385', client.url)
    const { stdout } = await promisify(execFile)('bash', [
      '-c',
      lines.replace('"python"', '"bash"'),
    ])
    expect(JSON.parse(stdout)).toMatchObject({ status: 'succeeded', stdout: '42\n' })
  })

  test('sleeps on disk by a call, and wakes by use', async () => {
    const id = await create()
    await command(id, 'echo kept > file')
    expect((await call('POST', `/${id}/pause`)).json().state).toBe('hibernated')
    expect(await command(id, 'cat file')).toMatchObject({ status: 'succeeded', stdout: 'kept\n' })
    expect((await call('POST', `/${id}/pause`)).json().state).toBe('hibernated')
    expect((await call('POST', `/${id}/resume`)).json().state).toBe('ready')
  })

  test('ends a command at its limits', async () => {
    const id = await create()
    expect(await command(id, 'sleep 1000', { wall_ms: 200 })).toMatchObject({
      status: 'timed_out',
      exit_code: null,
      signal: 'SIGKILL',
    })
    const flood = await command(id, 'while :; do echo yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy; done')
    expect(flood).toMatchObject({ status: 'output_limit' })
    expect(flood.stdout).toHaveLength(1024 * 1024)
    expect(await command(id, 'echo fine')).toMatchObject({ stdout: 'fine\n' })
  })

  test('tells all that a command has said, and nothing of what it leaves running', async () => {
    const id = await create()
    const { stdout } = await command(id, 'head -c 500000 /dev/zero | tr "\\0" x; echo end')
    expect(stdout).toHaveLength(500_004)
    const left = await command(id, 'while echo on; do :; done & echo $! > pid; echo begun')
    expect(left.stdout).toContain('begun')
    const isThere = 'kill -0 $(cat pid) && echo there'
    await expect.poll(async () => (await command(id, isThere)).stdout).toBe('')
  })

  test('tells of a command while it runs', async () => {
    const id = await create()
    const body = JSON.stringify({ command: 'echo one; echo zwei ü >&2; exit 1' })
    const headers = { 'content-type': 'application/json', accept: 'text/event-stream' }
    const response = await fetch(`${client.url}/v1/sessions/${id}/commands`, {
      method: 'POST',
      headers,
      body,
    })
    const text = await response.text()
    expect([...text.matchAll(/^event: (.*)$/gm)].map(([, name]) => name)).toEqual(
      expect.arrayContaining(['started', 'stdout', 'stderr', 'done']),
    )
    expect(text).toContain('data: {"text":"zwei ü\\n"}')
    expect(text).toContain('"exit_code":1')
  })

  test('takes and gives files of any size and place', async () => {
    const id = await create()
    const bytes = new Uint8Array(5_000_000).map((_, index) => index % 251)
    expect((await call('PUT', `/${id}/files/data/big.bin`, bytes)).status).toBe(204)
    const answer = await fetch(`${client.url}/v1/sessions/${id}/files/data/big.bin`)
    expect(Buffer.from(await answer.arrayBuffer()).equals(Buffer.from(bytes))).toBe(true)
    expect((await call('GET', `/${id}/files//home/user/data/?depth=2`)).json()).toEqual({
      entries: [
        {
          path: 'big.bin',
          type: 'file',
          mode: '644',
          size: 5_000_000,
          modified_at: expect.any(String),
          target: null,
        },
      ],
    })
    expect((await call('PUT', `/${id}/files/empty`)).status).toBe(204)
    expect(await call('GET', `/${id}/files/empty`)).toMatchObject({ status: 200, text: '' })
    expect((await call('GET', `/${id}/files/none`)).status).toBe(404)
    expect((await call('GET', `/${id}/files/data`)).json()).toMatchObject({
      detail: 'Is a directory.',
    })
    expect((await call('PUT', `/${id}/files//etc/x`, bytes.subarray(0, 5))).status).toBe(403)
    await command(id, 'chmod 0 empty')
    expect((await call('GET', `/${id}/files/empty`)).status).toBe(403)
    expect((await call('DELETE', `/${id}/files/data`)).status).toBe(204)
    expect((await call('GET', `/${id}/files?depth=1`)).json().entries).toHaveLength(1)
  })

  test.each([
    [{ template: 'cobol' }, 'template'],
    [{ ttl_ms: 1 }, 'ttl_ms'],
    [{ env: { 'A=B': 'c' } }, 'env'],
    [{ nonsense: 1 }, 'nonsense'],
    [{ idle: { freeze_ms: -1 } }, 'idle.freeze_ms'],
  ])('is refused for %j, naming the field', async (members, field) => {
    const { status, json } = await call('POST', '', { template: 'bash', ...members })
    expect(status).toBe(400)
    expect(json().detail).toContain(field)
  })

  test('says what a command cannot be', async () => {
    const id = await create()
    for (const body of [{}, { command: 'x', argv: ['x'] }, { argv: [] }, { command: 'a\0b' }]) {
      expect((await call('POST', `/${id}/commands`, body)).status).toBe(400)
    }
    expect((await call('POST', `/${id}/commands`, { argv: ['/none'] })).json()).toMatchObject({
      status: 404,
      detail: 'No such program or folder.',
    })
  })

  test('that has ended says so', async () => {
    const id = await create()
    await command(id, 'kill -9 1')
    await expect.poll(async () => (await call('GET', `/${id}`)).json().state).toBe('dead')
    expect((await call('POST', `/${id}/commands`, { command: 'true' })).json()).toMatchObject({
      status: 410,
      type: '/problems/session-ended',
    })
  })
})
