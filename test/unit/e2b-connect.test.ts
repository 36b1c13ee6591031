import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { messageOf } from '../../src/api/e2b/envd/connect/calls.ts'
import { ConnectError } from '../../src/api/e2b/envd/connect/errors.ts'
import { END_OF_STREAM, FrameReader, frameOf } from '../../src/api/e2b/envd/connect/frames.ts'
import { bytes, enumeration, message, uint32 } from '../../src/api/e2b/envd/connect/messages.ts'
import { WholeCharacters } from '../../src/api/e2b/envd/whole-characters.ts'
import { readValue } from '../../src/api/json-value.ts'

const MOST = 1000

/** All messages of some bytes that come in pieces. */
function read(pieces: readonly Buffer[], most = MOST): string[] {
  const reader = new FrameReader(most)
  const messages = pieces.flatMap((piece) => reader.push(piece))
  reader.end()
  return messages.map((one) => one.toString())
}

function codeOf(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    if (error instanceof ConnectError) return error.code
    throw error
  }
  return 'none'
}

describe('frames', () => {
  test('come whole in whatever pieces they are sent', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 60 })
    fc.assert(
      fc.property(fc.array(text, { maxLength: 6 }), fc.array(fc.nat(40)), (texts, cuts) => {
        const all = Buffer.concat(texts.map((one) => frameOf({ text: one })))
        const pieces: Buffer[] = []
        let at = 0
        for (const cut of cuts) {
          pieces.push(all.subarray(at, at + cut))
          at += cut
        }
        pieces.push(all.subarray(at))
        const expected = texts.map((one) => JSON.stringify({ text: one }))
        expect(read(pieces)).toEqual(expected)
        const crumbs = [...all].map((byte) => Buffer.of(byte))
        expect(read(crumbs)).toEqual(expected)
      }),
    )
  })

  test('are refused as errors of the protocol whatever bytes come', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), (pieces) => {
        const code = codeOf(() => read(pieces.map((piece) => Buffer.from(piece))))
        expect(['none', 'invalid_argument', 'resource_exhausted']).toContain(code)
      }),
    )
  })

  test('are refused when too long before their bytes come, compressed, flagged or cut', () => {
    const head = (flags: number, length: number) => {
      const bytes = Buffer.alloc(5)
      bytes[0] = flags
      bytes.writeUInt32BE(length, 1)
      return bytes
    }
    expect(codeOf(() => read([head(0, MOST + 1)]))).toBe('resource_exhausted')
    expect(codeOf(() => read([head(0, 2 ** 32 - 1)]))).toBe('resource_exhausted')
    expect(codeOf(() => read([head(1, 2), Buffer.from('{}')]))).toBe('invalid_argument')
    expect(codeOf(() => read([head(END_OF_STREAM, 2), Buffer.from('{}')]))).toBe('invalid_argument')
    expect(codeOf(() => read([head(128, 2)]))).toBe('invalid_argument')
    expect(codeOf(() => read([head(0, 3), Buffer.from('{}')]))).toBe('invalid_argument')
    expect(codeOf(() => read([Buffer.of(0)]))).toBe('invalid_argument')
  })

  test('are kept in memory of their own size, in crumbs too', () => {
    const reader = new FrameReader(100_000)
    const frame = frameOf({ text: 'x'.repeat(50_000) })
    for (const byte of frame.subarray(0, -1)) reader.push(Buffer.of(byte))
    expect(reader.held).toBe(frame.length - 1)
    expect(reader.push(frame.subarray(-1))).toHaveLength(1)
    expect(reader.held).toBe(0)
  })

  test('are no more than were asked for; the rest stays', () => {
    const reader = new FrameReader(MOST)
    const zeros = Buffer.alloc(5 * 100_000)
    expect(reader.push(zeros, 2)).toHaveLength(2)
    expect(reader.held).toBe(zeros.length - 10)
    expect(reader.push(Buffer.alloc(0), 3)).toHaveLength(3)
    expect(reader.push(Buffer.alloc(0))).toHaveLength(100_000 - 5)
    expect(reader.held).toBe(0)
  })

  test('that were given out stay as they are', () => {
    const reader = new FrameReader(MOST)
    const [a, b] = [frameOf({ a: 1 }), frameOf({ b: 2 })]
    expect(reader.push(a.subarray(0, 3))).toEqual([])
    const [first] = reader.push(Buffer.concat([a.subarray(3), b.subarray(0, 4)]))
    const [second] = reader.push(b.subarray(4))
    expect([`${first}`, `${second}`]).toEqual(['{"a":1}', '{"b":2}'])
  })
})

describe('messages', () => {
  const schema = message({
    watcherId: z.string().default(''),
    data: bytes.optional(),
    pid: uint32.optional(),
    signal: enumeration({ SIGNAL_SIGKILL: 9 }).optional(),
  })
  const parsed = (json: string) =>
    messageOf(json === '' ? null : readValue(Buffer.from(json)), schema)

  test('are read as Protocol Buffers has them in JSON', () => {
    expect(parsed('')).toEqual({ watcherId: '' })
    expect(parsed('{"watcher_id": "a", "other": [1], "pid": "7", "data": null}')).toEqual({
      watcherId: 'a',
      pid: 7,
    })
    expect(parsed('{"signal": "SIGNAL_SIGKILL"}').signal).toBe(9)
    expect(parsed('{"signal": 9}').signal).toBe(9)
    expect(parsed('{"data": "_-8"}').data).toEqual(Buffer.of(0xff, 0xef))
    expect(parsed('{"data": "/+8="}').data).toEqual(Buffer.of(0xff, 0xef))
  })

  test('are refused with the field that is wrong', () => {
    for (const json of [
      '{',
      '[]',
      '7',
      '"x"',
      '{"pid": -1}',
      '{"pid": 1.5}',
      '{"pid": 4294967296}',
    ]) {
      expect(codeOf(() => parsed(json))).toBe('invalid_argument')
    }
    expect(() => parsed('{"data": "*"}')).toThrow('data')
    expect(() => parsed('{"signal": "SIGNAL_NONE"}')).toThrow('signal')
  })
})

describe('output', () => {
  test('keeps characters whole, and loses no byte', () => {
    const text = fc.string({ unit: 'grapheme' }).map((one) => Buffer.from(one))
    const any = fc.oneof(
      text,
      fc.uint8Array().map((one) => Buffer.from(one)),
    )
    fc.assert(
      fc.property(any, fc.array(fc.nat(5)), (all, cuts) => {
        const characters = new WholeCharacters()
        const told: Buffer[] = []
        let at = 0
        for (const cut of [...cuts, all.length]) {
          told.push(characters.take('stdout', all.subarray(at, at + cut)))
          at += cut
        }
        for (const [, bytes] of characters.rest()) told.push(bytes)
        expect(Buffer.concat(told)).toEqual(all)
        const isText = Buffer.from(all.toString()).equals(all)
        if (isText) expect(told.map((one) => one.toString()).join('')).toBe(all.toString())
      }),
    )
  })

  test('of one stream does not wait for the other', () => {
    const characters = new WholeCharacters()
    expect(characters.take('stdout', Buffer.of(0x61, 0xc3))).toEqual(Buffer.of(0x61))
    expect(characters.take('stderr', Buffer.of(0xa9))).toEqual(Buffer.of(0xa9))
    expect(characters.take('stdout', Buffer.of(0xa9)).toString()).toBe('é')
    expect(characters.rest()).toEqual([])
  })
})
