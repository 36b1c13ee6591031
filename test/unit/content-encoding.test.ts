import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { Decoders, encodingOf, UnknownEncoding } from '../../src/api/content-encoding.ts'

describe('encodingOf', () => {
  test.each([
    [undefined, null],
    ['', null],
    ['identity', null],
    [' GZip ', 'gzip'],
    ['x-gzip', 'x-gzip'],
    ['deflate', 'deflate'],
  ])('%j is %j', (header, encoding) => {
    expect(encodingOf(header)).toBe(encoding)
  })

  test.each(['br', 'zstd', 'gzip, deflate', 'constructor'])('%j is not known', (header) => {
    expect(() => encodingOf(header)).toThrow(UnknownEncoding)
  })
})

describe('Decoders', () => {
  const text = Buffer.from('{"a": "b"}'.repeat(5000))

  async function decoded(encoding: 'gzip' | 'deflate', body: Buffer) {
    const chunks: Buffer[] = []
    // In pieces, as it comes over a connection.
    const blocks = [body.subarray(0, 7), body.subarray(7)]
    const fault = await new Decoders().decode(encoding, blocks, (chunk) => chunks.push(chunk) > 0)
    return { fault, bytes: Buffer.concat(chunks) }
  }

  test.each([
    ['gzip', gzipSync(text)],
    ['deflate', deflateSync(text)],
    ['deflate', deflateRawSync(text)],
  ] as const)('%s', async (encoding, body) => {
    expect(await decoded(encoding, body)).toEqual({ fault: null, bytes: text })
  })

  test.each([
    ['what is not compressed', text],
    ['what is cut', gzipSync(text).subarray(0, 60)],
    ['nothing', Buffer.alloc(0)],
  ])('%s is a fault', async (_what, body) => {
    expect((await decoded('gzip', body)).fault).toMatchObject({ statusCode: 422 })
  })

  test('what becomes gigabytes is left when nobody wants more of it', async () => {
    const bomb = gzipSync(Buffer.alloc(256 * 1024 ** 2), { level: 1 })
    let bytes = 0
    const fault = await new Decoders().decode('gzip', [bomb], (chunk) => {
      bytes += chunk.length
      return bytes < 1024 ** 2
    })
    expect(fault).toBeNull()
    expect(bytes).toBeLessThan(1.1 * 1024 ** 2)
  })

  test('one after the other', async () => {
    const decoders = new Decoders()
    const order: string[] = []
    const one = (name: string) =>
      decoders.decode('gzip', [gzipSync(text)], () => order.push(name) > 0)
    await Promise.all(['a', 'b', 'c'].map(one))
    expect(order).toEqual([...order].sort())
  })
})
