import { request } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { expect, test } from 'vitest'
import { MIB } from '../../src/lib/units.ts'
import { e2bClient, type Sandbox } from '../support/e2b-client.ts'
import { useManager } from '../support/manager.ts'

const GIB = 1024 * MIB
const client = useManager({
  runtimes: ['bash'],
  sessionsPerCaller: 2,
  limits: { memoryBytes: 3 * GIB, workspaceBytes: 2 * GIB },
})
const { create, run, headersOf } = e2bClient(() => client.url)
const BOUNDARY = 'b-of-the-test'

function* chunks(bytes: number) {
  const chunk = Buffer.alloc(MIB, 'abcdefg')
  for (let sent = 0; sent < bytes; sent += chunk.length) yield chunk
}

function* formOf(bytes: number, path: string) {
  const disposition = `Content-Disposition: form-data; name="file"; filename="${path}"`
  yield Buffer.from(`--${BOUNDARY}\r\n${disposition}\r\n\r\n`)
  yield* chunks(bytes)
  yield Buffer.from(`\r\n--${BOUNDARY}--\r\n`)
}

/** Sends a body, or none, and counts the bytes that are answered. */
async function carry(sandbox: Sandbox, path: string, type: object, body: Readable | null) {
  const headers = { ...headersOf(sandbox), ...type }
  const asked = request(`${client.url}${path}`, { method: body ? 'POST' : 'GET', headers })
  const answered = new Promise<Readable & { statusCode?: number }>((resolve, reject) => {
    asked.once('response', resolve).once('error', reject)
  })
  if (body) await pipeline(body, asked)
  else asked.end()
  const response = await answered
  let length = 0
  for await (const chunk of response) length += chunk.length
  expect(response.statusCode).toBe(200)
  return length
}

/** The most that this process, manager and client, took beyond the beginning, in bytes. */
async function memoryOf(work: () => Promise<unknown>): Promise<number> {
  const before = process.memoryUsage.rss()
  let most = before
  const timer = setInterval(() => {
    most = Math.max(most, process.memoryUsage.rss())
  }, 50)
  await work()
  clearInterval(timer)
  return most - before
}

test('a GiB goes into and out of a sandbox without being held in memory', async () => {
  const sandbox = await create()
  const figures: Record<string, string> = {}
  const measure = async (name: string, work: () => Promise<unknown>, bytes = GIB) => {
    const start = performance.now()
    const memory = await memoryOf(work)
    const rate = bytes / MIB / ((performance.now() - start) / 1000)
    figures[name] = `${rate.toFixed(0)} MiB/s, ${(memory / MIB).toFixed(0)} MiB of memory`
    expect(memory).toBeLessThan(400 * MIB)
  }
  const octets = { 'content-type': 'application/octet-stream' }
  const form = { 'content-type': `multipart/form-data; boundary=${BOUNDARY}` }
  const gzip = { ...octets, 'content-encoding': 'gzip' }
  await measure('up', () => carry(sandbox, '/files?path=d/a', octets, Readable.from(chunks(GIB))))
  await measure('down', async () =>
    expect(await carry(sandbox, '/files?path=d/a', {}, null)).toBe(GIB),
  )
  await measure('as a form', () =>
    carry(sandbox, '/files', form, Readable.from(formOf(GIB, 'd/a'))),
  )
  expect((await run(sandbox, 'stat -c %s d/a')).stdout).toBe(`${GIB}\n`)
  const less = GIB / 4
  const packed = Readable.from(chunks(less)).pipe(createGzip({ level: 1 }))
  await measure('compressed', () => carry(sandbox, '/files?path=d/a', gzip, packed), less)
  expect((await run(sandbox, 'stat -c %s d/a')).stdout).toBe(`${less}\n`)
  console.log(figures)
}, 1_200_000)
