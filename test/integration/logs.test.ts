import { Writable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ApiKeys } from '../../src/api/api-keys.ts'
import type { ExecutorManager } from '../../src/manager.ts'
import { base64 } from '../support/client.ts'
import { openManager } from '../support/manager.ts'

const KEY = 'secret-key-0123456789'
const keys = ApiKeys.parse(`tester:${KEY}`) as ApiKeys

let manager: ExecutorManager
let url: string
let log = ''

beforeAll(async () => {
  const sink = new Writable({
    write(chunk, _encoding, done) {
      log += chunk
      done()
    },
  })
  manager = await openManager({ keys, logLevel: 'debug', snapshots: true }, sink)
  url = await manager.start()
})

afterAll(() => manager?.stop())

function post(body: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${url}/run`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': KEY, ...headers },
    body,
  })
}

const lines = () =>
  log
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))

/** A secret in every place where a caller or a program can put one. */
const PROGRAMS: [language: string, code: string][] = [
  ['python', 'def main(**a):\n  print("secret-stdout")\n  return "secret-result"'],
  ['python', 'def main(**a):\n  raise ValueError("secret-error")'],
  [
    'python',
    'import sys\ndef main(**a):\n  print("secret-stderr", file=sys.stderr)\n  sys.exit(3)',
  ],
  ['python', 'def main(**a):\n  open("artifacts/secret-name.csv", "w").write("secret-content")'],
  ['python', 'def main(**a:\n  secret-syntax'],
  ['nodejs', 'function main() { console.log("secret-stdout"); throw new Error("secret-error") }'],
  ['bash', 'echo secret-stdout; echo secret-stderr >&2; exit 3'],
]

describe('the log', () => {
  test('has a line for each run and no word of what was run', async () => {
    for (const [language, code] of PROGRAMS) {
      const args = { secret_argument: 'secret-value' }
      const body = { code_b64: base64(code), language, arguments: args }
      const response = await post(JSON.stringify(body), { 'x-request-id': `run-${language}` })
      expect(response.status).toBe(200)
      await response.text()
    }
    await post('{"code_b64": "secret-not-base64"}')
    await post('secret-not-json')
    await post('{}', { 'x-api-key': 'secret-wrong-key-0123' })
    await fetch(`${url}/secret-path`, { headers: { 'x-api-key': KEY } })

    const runs = lines().filter((line) => line.msg === 'run')
    expect(runs).toHaveLength(PROGRAMS.length)
    for (const run of runs) {
      expect(run).toMatchObject({
        reqId: `run-${run.runtime}`,
        caller: 'tester',
        outcome: expect.any(String),
        codeBytes: expect.any(Number),
        executeMs: expect.any(Number),
      })
    }
    expect(log).not.toMatch(/secret/i)
    expect(log).not.toContain(base64('secret').slice(0, 6))
  })
})
