import { expect, test } from 'vitest'
import { MIB } from '../../src/lib/units.ts'
import { startService } from '../support/service.ts'
import { bodyWith, head, Raw, residentMib, runRequest, until } from './raw.ts'

const HONEST = '127.0.0.2'
const PAD_LENGTH = 'def main(pad): return len(pad)'
const PAD_WAIT = 'import time\ndef main(pad): time.sleep(4); return len(pad)'

test('a body in chunks of one byte takes little more memory than its bytes, and is served', async () => {
  const { client, pid } = await startService()
  await client.run('python', 'def main(): return 1')
  const before = residentMib(pid)
  const body = bodyWith(PAD_LENGTH, 300_000)
  const caller = await Raw.open(client.url)
  await caller.write(head('chunked'))
  const chunks = [...body].map((byte) => `1\r\n${byte}\r\n`)
  for (let at = 0; at < chunks.length; at += 10_000) {
    await caller.write(chunks.slice(at, at + 10_000).join(''))
  }
  // 400 bytes a byte, as Node.js keeps them, would be 115 MiB; what the process grows by otherwise is less.
  let most = 0
  const watch = setInterval(() => {
    most = Math.max(most, residentMib(pid) - before)
  }, 20)
  await caller.write('0\r\n\r\n')
  await until(() => caller.text.includes('\r\n\r\n'))
  clearInterval(watch)
  expect(caller.status).toBe(200)
  expect(caller.text).toContain('"value":300000')
  expect(most).toBeLessThan(80)
})

test('half bodies: a caller has 32 MiB, others are served, and it gets them back', async () => {
  const { client, pid } = await startService()
  await client.run('python', 'def main(): return 1')
  const before = residentMib(pid)
  const piece = Buffer.alloc(3 * MIB, 'x')
  const callers: Raw[] = []
  for (let i = 0; i < 16; i++) {
    const caller = await Raw.open(client.url)
    callers.push(caller)
    await caller.write(head(4 * MIB))
    await caller.write(piece)
  }
  // Ten of them are 30 MiB.
  await until(() => callers.filter(({ status }) => status === 429).length >= 6)
  const refused = callers.filter(({ status }) => status !== null)
  const held = callers.filter(({ status }) => status === null)
  expect(held.length).toBeGreaterThanOrEqual(8)
  await until(() => refused.every(({ isClosed }) => isClosed))
  for (const { text } of refused) {
    expect(text).toMatch(/^retry-after: 1\r$/im)
    expect(text).toMatch(/^connection: close\r$/im)
  }
  expect(residentMib(pid) - before).toBeLessThan(2 * 32 + 60)

  const honest = await Raw.open(client.url, HONEST)
  await honest.write(runRequest(bodyWith(PAD_LENGTH, 4 * MIB)))
  await until(() => honest.status !== null)
  expect(honest.status).toBe(200)

  for (const { socket } of held) socket.destroy()
  const again = await Raw.open(client.url)
  await again.write(runRequest(bodyWith(PAD_LENGTH, 8 * MIB)))
  await until(() => again.status !== null)
  expect(again.status).toBe(200)
})

test('bodies of runs that have left the queue are not on the account any more', async () => {
  const { client } = await startService({ SANDBOX_EXECUTOR_MANAGER_POOL_SIZE: '3' })
  const callers: Raw[] = []
  // 60 MiB in all: more than a caller may hold in the queue.
  for (let i = 0; i < 4; i++) {
    const caller = await Raw.open(client.url)
    callers.push(caller)
    await caller.write(runRequest(bodyWith(PAD_WAIT, 15 * MIB)))
    const queued = async () => {
      const text = await (await fetch(`${client.url}/metrics`)).text()
      return Number(/^executor_manager_queued_runs (\d+)$/m.exec(text)?.[1])
    }
    // Taken by an executor as soon as it waits no more; the body is read by then.
    await until(async () => caller.status !== null || (await leased(client.url)) > i)
    await until(async () => (await queued()) === 0)
  }
  await until(() => callers.every(({ status }) => status !== null))
  expect(callers.map(({ status }) => status)).toEqual([200, 200, 200, 200])
})

async function leased(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text()
  const counts = text.matchAll(/^executor_manager_executors\{.*state="leased".*\} (\d+)$/gm)
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0)
}

test('an answer that refuses a body reaches a caller who sends all of it first', async () => {
  const { client } = await startService()
  const large = await Raw.open(client.url)
  const body = Buffer.alloc(24 * MIB, 'x')
  await large.write(head(body.length))
  await large.write(body)
  await until(() => large.isClosed)
  expect(large.status).toBe(413)
  expect(large.text).toContain('The request body is larger than 16 MiB.')

  const chunked = await Raw.open(client.url)
  await chunked.write(head('chunked'))
  for (let i = 0; i < 20; i++) {
    await chunked.write(`${MIB.toString(16)}\r\n`)
    await chunked.write(body.subarray(0, MIB))
    await chunked.write('\r\n')
  }
  await chunked.write('0\r\n\r\n')
  await until(() => chunked.isClosed)
  expect(chunked.status).toBe(413)

  const asking = await Raw.open(client.url)
  await asking.write(head(body.length, 'Expect: 100-continue\r\n'))
  await until(() => asking.isClosed)
  expect(asking.status).toBe(413)

  const allowed = await Raw.open(client.url)
  const small = bodyWith(PAD_LENGTH, 10)
  await allowed.write(head(small.length, 'Expect: 100-continue\r\n'))
  await until(() => allowed.status !== null)
  expect(allowed.status).toBe(100)
  await allowed.write(small)
  await until(() => allowed.text.includes('"value":10'))
})
