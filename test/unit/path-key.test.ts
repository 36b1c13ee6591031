import { Writable } from 'node:stream'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import WebSocket from 'ws'
import { ApiKeys } from '../../src/api/api-keys.ts'
import { FakeRuns, openDoors, outcomeWith } from '../support/door.ts'

/** A key in the path must not get anywhere: not into the log, whatever its level, and into no answer. */
const KEY = 'a-secret-key-of-the-tests'
const runs = new FakeRuns()
const lines: string[] = []
let door: Awaited<ReturnType<typeof openDoors>>

beforeAll(async () => {
  const stream = new Writable({
    write: (chunk, _encoding, done) => {
      lines.push(String(chunk))
      done()
    },
  })
  const settings = { keys: ApiKeys.parse(`one:${KEY}`) as ApiKeys }
  door = await openDoors(runs, settings, {}, pino({ level: 'trace' }, stream))
})
afterAll(() => door.close())

const call = {
  ...{ jsonrpc: '2.0', id: 1, method: 'tools/call' },
  params: { name: 'run_code', arguments: { language: 'python', code: 'x' } },
}
const REQUESTS: readonly [path: string, body: object | null][] = [
  ['/run', { code_b64: '', language: 'python', arguments: {} }],
  ['/v1/runs', { language: 'python', code: '' }],
  ['/v1/x', null],
  ['/mcp', call],
  ['/mcp/x', null],
  ['/v1/sandbox/run', { language: 'python3', code: 'x' }],
  ['/dify/x', null],
  ['/api/kernels', {}],
  ['/api/kernels/x', null],
  ['/librechat/v1/exec', { lang: 'py', code: 'x' }],
  ['/librechat/v1/exec/programmatic', { code: 'x', tools: [{ name: 'a' }] }],
  ['/librechat/v1/files/x', null],
  ['/metrics', null],
  ['/x', null],
  ['/%zz', null],
]

test.each([
  ['that is valid', KEY],
  ['that is not', `${KEY}-not`],
  ['with escapes', KEY.replaceAll('-', '%2D')],
])('a key %s is nowhere', async (_name, key) => {
  const ends = [
    async () => outcomeWith({ exitCode: 1 }),
    async () => Promise.reject(new Error('a fault of ours')),
  ]
  for (const end of ends) {
    runs.end = end
    for (const [path, body] of REQUESTS) {
      const answer = await fetch(`${door.url}/k/${key}${path}`, {
        method: body ? 'POST' : 'GET',
        headers: {
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
        },
        ...(body ? { body: JSON.stringify(body) } : {}),
      })
      const told = JSON.stringify([...answer.headers]) + (await answer.text())
      for (const secret of [key, KEY]) expect(told).not.toContain(secret)
    }
  }
  const socket = new WebSocket(`${door.url.replace('http', 'ws')}/k/${key}/api/kernels/x/channels`)
  socket.on('error', () => {})
  await new Promise((resolve) => socket.once('close', resolve))
  expect(lines.length).toBeGreaterThan(0)
  for (const secret of [key, KEY]) expect(lines.join('')).not.toContain(secret)
})
