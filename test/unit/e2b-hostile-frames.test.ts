import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { text } from 'node:stream/consumers'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { frameOf } from '../../src/api/e2b/envd/connect/frames.ts'
import type { LocalSessions } from '../../src/sessions/local-sessions.ts'
import { fakeSessions, openE2b } from '../support/e2b.ts'

/** Streams of messages that are many, empty, or large only when they are decoded. */
const fake = fakeSessions()
let sessions: LocalSessions
let door: Awaited<ReturnType<typeof openE2b>>
let headers: Record<string, string>

beforeAll(async () => {
  sessions = fake.open()
  door = await openE2b(sessions)
  const { value } = await door.ask('POST', '/sandboxes', { body: { templateID: 'base' } })
  headers = {
    'e2b-sandbox-id': value.sandboxID,
    'e2b-sandbox-port': '49983',
    'x-access-token': value.envdAccessToken,
    'content-type': 'application/connect+json',
  }
})
afterAll(async () => {
  await door.close()
  await sessions.stop()
  fake.remove()
})

async function said(method: string, body: Buffer, more = {}): Promise<string> {
  const url = `${door.url}/process.Process/${method}`
  // As a stream it has no Content-Length.
  const stream = new Blob([new Uint8Array(body)]).stream()
  const init = { method: 'POST', headers: { ...headers, ...more }, body: stream, duplex: 'half' }
  return (await fetch(url, init as RequestInit)).text()
}

test('a call has one message, however many empty ones come', async () => {
  expect(await said('Start', Buffer.alloc(5 * 1_000_000))).toContain('exactly one message')
  expect(await said('Start', Buffer.alloc(0))).toContain('exactly one message')
  expect(await said('Start', Buffer.alloc(5))).toContain('unmarshal message: process')
})

test('the bound of a message holds for bytes that were compressed or sent in chunks', async () => {
  const zeros = Buffer.alloc(9 * 1024 ** 2)
  expect(await said('Start', zeros)).toContain('too large')
  expect(await said('Start', gzipSync(zeros), { 'content-encoding': 'gzip' })).toContain(
    'too large',
  )
})

test('a stream of input without input is refused', async () => {
  const idle = frameOf({ keepalive: {} })
  const few = Buffer.concat(Array.from({ length: 900 }, () => idle))
  expect(await said('StreamInput', few)).not.toContain('resource_exhausted')
  // The caller has more to send: what it is told comes before its request has ended.
  const sent = request(`${door.url}/process.Process/StreamInput`, { method: 'POST', headers })
  sent.on('error', () => {})
  sent.write(Buffer.alloc(5 * 1500))
  const [answer] = (await once(sent, 'response')) as [IncomingMessage]
  expect(await text(answer)).toContain('resource_exhausted')
})
