import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { scaledMs } from '../../src/lib/time-scale.ts'
import { startService } from '../support/service.ts'
import { head, Raw, residentMib, until } from './raw.ts'

/** Much of the native API by one caller, and another caller beside it. */

const FLOOD = '127.0.0.1'
const HONEST = '127.0.0.200'
const SETTINGS = {
  SANDBOX_EXECUTOR_MANAGER_POOL_SIZE: '2',
  EXECUTOR_MANAGER_QUEUE_WAIT: `${scaledMs(60_000)}ms`,
}
const MANY = 100
/** Of so many runs of one caller that came first, at most these end before a few of another one. */
const FAIR = 60
const FEW = 4
const LASTING = { language: 'bash', code: 'sleep 0.2; echo done' }
const SHORT = { language: 'bash', code: 'echo honest' }

function post(path: string, body: object, headers = ''): string {
  const text = JSON.stringify(body)
  return head(Buffer.byteLength(text), headers, path) + text
}

/** @returns a whole answer, of a connection of its own */
async function ask(url: string, from: string, request: string): Promise<Raw> {
  const caller = await Raw.open(url, from)
  await caller.write(request.replace('\r\n', '\r\nConnection: close\r\n'))
  await until(() => caller.isClosed)
  return caller
}

test('a batch of one caller takes turns with the single runs of another', async () => {
  const { client } = await startService(SETTINGS)
  const batch = await Raw.open(client.url, FLOOD)
  const events = 'Accept: text/event-stream\r\n'
  await batch.write(post('/v1/batches', { runs: Array(MANY).fill(LASTING) }, events))
  const ended = () => batch.text.split('event: result\n').length - 1
  await until(() => ended() >= 2)
  for (let count = 0; count < FEW; count++) {
    const { status, text } = await ask(client.url, HONEST, post('/v1/runs', SHORT))
    expect([status, text]).toEqual([200, expect.stringContaining('"stdout":"honest\\n"')])
  }
  expect(ended()).toBeLessThan(FAIR)
  await until(() => batch.text.includes('event: done\n'))
  expect(ended()).toBe(MANY)
  expect(batch.text.split('"stdout":"done\\n"')).toHaveLength(MANY + 1)
})

test('accepted runs of one caller take turns with those of another', async () => {
  const { client } = await startService(SETTINGS)
  const prefer = 'Prefer: respond-async\r\n'
  const accept = async (from: string, run: object) => {
    const { status, text } = await ask(client.url, from, post('/v1/runs', run, prefer))
    expect(status).toBe(202)
    return /"id":"([^"]+)"/.exec(text)?.[1] as string
  }
  const get = (from: string, path: string) =>
    ask(client.url, from, `GET ${path} HTTP/1.1\r\nHost: localhost\r\nPrefer: wait=60\r\n\r\n`)
  const ids: string[] = []
  for (let count = 0; count < MANY; count++) ids.push(await accept(FLOOD, LASTING))
  const own = await Promise.all(Array.from({ length: FEW }, () => accept(HONEST, SHORT)))
  const ended = async () => {
    const { text } = await get(FLOOD, `/v1/runs?limit=${MANY}`)
    return text.split('"status":"succeeded"').length - 1
  }
  const before = await ended()
  for (const id of own) expect((await get(HONEST, `/v1/runs/${id}`)).text).toContain('honest')
  expect((await ended()) - before).toBeLessThan(FAIR)
  // Nobody else sees them.
  const [id] = ids
  for (const path of [`/v1/runs/${id}`, `/v1/runs/${id}/events`, `/v1/runs/${id}/files/a`]) {
    expect((await get(HONEST, path)).status).toBe(404)
  }
})

/** Ten files of 9.9 MiB, which stand in the last event. */
const FILES = `
for i in range(10):
    with open(f'{i}.bin', 'wb') as f: f.write(b'x' * (9900 * 1024))`

test("streams that nobody reads are on their caller's account, and end", async () => {
  const { client, pid } = await startService({ ...SETTINGS, SANDBOX_MAX_MEMORY: '256m' })
  const accept = 'Accept: text/event-stream\r\n'
  const files = post('/v1/runs', { language: 'python', code: FILES }, accept)
  const short = post('/v1/runs', SHORT)
  expect((await ask(client.url, FLOOD, short)).status).toBe(200)
  const before = residentMib(pid)
  const fill = async () => {
    const stream = await Raw.open(client.url, FLOOD)
    const hasLast = () => stream.text.includes('event: done')
    // Up to the beginning of the last event, and no more.
    const look = () => {
      if (hasLast()) stream.socket.off('data', look).pause()
    }
    stream.socket.on('data', look)
    await stream.write(files)
    await until(() => hasLast() || stream.isClosed)
    expect(stream.status).toBe(200)
    return stream
  }
  // Both at once: a stream that makes no progress for 30 s ends. The two of them fill the account of 128 MiB.
  const streams = await Promise.all([fill(), fill()])
  const refused = await ask(client.url, FLOOD, files)
  expect(refused.status).toBe(429)
  expect(refused.text).toContain('/problems/too-much-held')
  expect(residentMib(pid) - before).toBeLessThan(500)
  const honest = await ask(client.url, HONEST, short)
  expect([honest.status, honest.text]).toEqual([200, expect.stringContaining('honest')])
  // They end, and the caller may ask again.
  await until(async () => {
    await sleep(500)
    return (await ask(client.url, FLOOD, short)).status === 200
  })
  for (const { socket } of streams) socket.resume()
  await until(() => streams.every(({ isClosed }) => isClosed))
})
