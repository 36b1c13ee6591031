import { expect, test } from 'vitest'
import { startService } from '../support/service.ts'
import { head, Raw, residentMib, runRequest, until } from './raw.ts'

/** Five files of 9.9 MiB. */
const FILES = `
def main():
    block = b'x' * (9900 * 1024)
    for i in range(5):
        with open(f'artifacts/{i}.csv', 'wb') as f: f.write(block)
    return 1
`
const PAUSE = 'import time\ndef main(n): time.sleep(0.3); return n'

const request = (code: string, args: object = {}) =>
  runRequest(JSON.stringify({ code_b64: Buffer.from(code).toString('base64'), arguments: args }))

test('answers that nobody reads are on their account, and end', async () => {
  const { client, pid } = await startService({ SANDBOX_MAX_MEMORY: '256m' })
  await client.run('python', 'def main(): return 1')
  const before = residentMib(pid)
  const callers: Raw[] = []
  for (let i = 0; i < 10; i++) {
    const caller = await Raw.open(client.url)
    callers.push(caller)
    // A byte says that the run has ended; no more is read.
    caller.socket.once('data', () => caller.socket.pause())
    await caller.write(request(FILES))
    await until(() => caller.text !== '')
  }
  // The third of 48 MiB fills the account of 128 MiB: no more are made.
  const statuses = callers.map(({ status }) => status)
  expect(statuses.slice(0, 3)).toEqual([200, 200, 200])
  expect(statuses.slice(3)).toEqual(Array(7).fill(429))
  expect(callers[3]?.text).toMatch(/^retry-after: 5\r$/im)
  expect(residentMib(pid) - before).toBeLessThan(400)

  const honest = await Raw.open(client.url, '127.0.0.2')
  await honest.write(request('def main(): return 1'))
  await until(() => honest.status !== null)
  expect(honest.status).toBe(200)

  // After 30 s without progress they end, and the caller may ask again.
  await until(async () => {
    const again = await Raw.open(client.url)
    await again.write(request('def main(): return 1'))
    await until(() => again.status !== null)
    again.socket.destroy()
    return again.status === 200
  })
  for (const { socket } of callers) socket.resume()
  await until(() => callers.slice(0, 3).every(({ isClosed }) => isClosed))
})

test('an answer that is read is complete, however large', async () => {
  const { client } = await startService({ SANDBOX_MAX_MEMORY: '256m' })
  const answer = await client.run('python', FILES)
  expect(answer.artifacts).toHaveLength(5)
  for (const { size, content_b64 } of answer.artifacts) {
    expect(Buffer.from(content_b64, 'base64').equals(Buffer.alloc(size, 'x'))).toBe(true)
  }
  const text = await client.run('python', "def main(): return 'é😀' * 500_000")
  expect(text.result?.value).toBe('é😀'.repeat(500_000))
})

test('requests that come without waiting for an answer are answered one after the other', async () => {
  const { client } = await startService({ SANDBOX_EXECUTOR_MANAGER_POOL_SIZE: '4' })
  const caller = await Raw.open(client.url)
  const started = performance.now()
  const count = 5
  await caller.write(Array.from({ length: count }, (_, n) => request(PAUSE, { n })).join(''))
  await until(() => caller.text.split('"value":').length > count)
  // They sleep for 0.3 s each: at once they would take as long as one.
  expect(performance.now() - started).toBeGreaterThan(count * 300)
  const values = [...caller.text.matchAll(/"value":(\d)/g)].map(([, value]) => Number(value))
  expect(values).toEqual([0, 1, 2, 3, 4])

  const large = JSON.stringify({ code_b64: '', arguments: { pad: 'x'.repeat(300_000) } })
  await caller.write(head(large.length))
  await caller.write(`${large}GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n`)
  await until(() => caller.text.includes('{"status":"ok"}'))
  expect(caller.isClosed).toBe(false)
})
