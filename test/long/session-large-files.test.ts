import { request } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { expect, test } from 'vitest'
import { MIB } from '../../src/lib/units.ts'
import { useManager } from '../support/manager.ts'
import { sessionClient } from '../support/session-client.ts'

const GIB = 1024 * MIB
const client = useManager({
  runtimes: ['bash'],
  sessionsPerCaller: 2,
  limits: { memoryBytes: 3 * GIB, workspaceBytes: 2 * GIB },
})
const { call, create, command } = sessionClient(() => client.url)

function* chunks(bytes: number) {
  const chunk = Buffer.alloc(MIB, 'abcdefg')
  for (let sent = 0; sent < bytes; sent += chunk.length) yield chunk
}

/** Sends a stream, or counts what comes. */
async function carry(method: string, path: string, bytes: number | null): Promise<number> {
  const asked = request(`${client.url}/v1/sessions${path}`, { method })
  const answered = new Promise<Readable & { statusCode?: number }>((resolve, reject) => {
    asked.once('response', resolve).once('error', reject)
  })
  if (bytes === null) asked.end()
  else await pipeline(Readable.from(chunks(bytes)), asked)
  const response = await answered
  expect(response.statusCode).toBe(bytes === null ? 200 : 204)
  let length = 0
  for await (const chunk of response) length += chunk.length
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

test('a GiB goes up and down, as a file and as an archive, without being held in memory', async () => {
  const id = await create()
  const figures: Record<string, string> = {}
  const measure = async (name: string, work: () => Promise<unknown>) => {
    const start = performance.now()
    const memory = await memoryOf(work)
    const rate = 1024 / ((performance.now() - start) / 1000)
    figures[name] = `${rate.toFixed(0)} MiB/s, ${(memory / MIB).toFixed(0)} MiB of memory`
    expect(memory).toBeLessThan(400 * MIB)
  }
  await measure('up', () => carry('PUT', `/${id}/files/d/large`, GIB))
  expect(await command(id, 'stat -c %s d/large')).toMatchObject({ stdout: `${GIB}\n` })
  await measure('down', async () =>
    expect(await carry('GET', `/${id}/files/d/large`, null)).toBe(GIB),
  )
  await measure('archive down', async () =>
    expect(await carry('GET', `/${id}/archive?path=d`, null)).toBeGreaterThan(GIB),
  )
  console.log(figures)
  expect((await call('DELETE', `/${id}/files/d`)).status).toBe(204)
})
