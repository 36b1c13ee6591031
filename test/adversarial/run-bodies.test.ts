import { connect } from 'node:net'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { MIB } from '../../src/lib/units.ts'
import { base64 } from '../support/client.ts'
import { useManager } from '../support/manager.ts'

/** Whatever is sent to `/run`, the answer is one of the contract's, and the next caller is served. */
const client = useManager({ poolSize: 2, maxBodyBytes: 2 * MIB, limits: { wallTimeMs: 1000 } })

afterEach(async () => {
  const answer = await client.run('python', 'def main(a): return a', { a: 'honest' })
  expect(answer).toMatchObject({ status: 'success', result: { value: 'honest' } })
})

async function expectDocumented(response: Response): Promise<void> {
  const body: unknown = await response.json()
  if (response.status === 422) {
    const { detail } = body as { detail: unknown[] }
    expect(detail.length).toBeGreaterThan(0)
    for (const issue of detail) {
      expect(issue).toMatchObject({
        type: expect.any(String),
        loc: expect.any(Array),
        msg: expect.any(String),
      })
    }
  } else if (response.status === 200) {
    expect(body).toMatchObject({ status: expect.any(String), exit_code: expect.any(Number) })
  } else {
    expect([400, 413]).toContain(response.status)
    expect(body).toMatchObject({ detail: expect.any(String) })
  }
}

const members = fc.record(
  {
    // Valid base64 would be run: that is for the other tests.
    code_b64: fc.oneof(
      fc.jsonValue(),
      fc.string().map((text) => `${text}!`),
    ),
    language: fc.oneof(fc.jsonValue(), fc.constantFrom('python', 'nodejs', 'bash', '__proto__')),
    arguments: fc.jsonValue(),
  },
  { requiredKeys: [] },
)

describe('POST /run', () => {
  test('with any bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 500 }), async (bytes) => {
        await expectDocumented(await client.post(Uint8Array.from(bytes)))
      }),
      { numRuns: 300 },
    )
  })

  test('with any JSON', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.json(),
          members.map((m) => JSON.stringify(m)),
        ),
        async (text) => {
          await expectDocumented(await client.post(text))
        },
      ),
      { numRuns: 400 },
    )
  })

  test('with a valid body of which a byte is changed', async () => {
    const valid = JSON.stringify({ code_b64: base64('x = 1'), language: 'python', arguments: {} })
    await fc.assert(
      fc.asyncProperty(fc.nat(valid.length - 1), fc.nat(255), async (at, byte) => {
        const bytes = Uint8Array.from(Buffer.from(valid))
        bytes[at] = byte
        await expectDocumented(await client.post(bytes))
      }),
      { numRuns: 60 },
    )
  })

  test.each([
    ['nested brackets', `{"code_b64":"","arguments":${'['.repeat(900_000)}${']'.repeat(900_000)}}`],
    ['nested members', `${'{"a":'.repeat(300_000)}1${'}'.repeat(300_000)}`],
    ['open brackets', '['.repeat(2_000_000)],
    ['a key many times', `{${'"code_b64":"",'.repeat(100_000)}"a":1}`],
    ['the prototype as a key', '{"__proto__":{"code_b64":""},"constructor":1}'],
    ['a code of megabytes', `{"code_b64":"${'A'.repeat(1_000_001)}"}`],
    ['more than a body may be', `{"code_b64":"${'A'.repeat(3_000_000)}"}`],
  ])('with %s', async (_what, body) => {
    await expectDocumented(await client.post(body))
  })

  test.each([
    ['no length that is one', 'POST /run HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n'],
    [
      'two lengths',
      'POST /run HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
    ],
    [
      'a length and chunks',
      'POST /run HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    [
      'a chunk that is none',
      'POST /run HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
    ],
    ['endless headers', `POST /run HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(100_000)}\r\n\r\n`],
    ['something else', '\u0016\u0003\u0001\u0002\u0000\u0001\u0000'],
  ])('in HTTP with %s', async (_what, request) => {
    expect(await spoken(request)).toMatch(/^HTTP\/1\.1 4\d\d |^$/)
  })
})

/** What comes back until the other side hangs up. */
function spoken(request: string): Promise<string> {
  return new Promise((resolve) => {
    const { hostname, port } = new URL(client.url)
    const socket = connect(Number(port), hostname, () => socket.write(request, 'latin1'))
    let answer = ''
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1')
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve(answer))
  })
}
