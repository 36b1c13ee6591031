import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { appendChunk } from '../../src/lib/chunks.ts'
import {
  encodeFrame,
  type Frame,
  FrameError,
  FrameParser,
  FrameTooLongError,
} from '../../src/supervisor/frames.ts'

const anyLength = () => 2 ** 32
const frameLists = fc.array(
  fc.record({ type: fc.integer({ min: 0, max: 255 }), payload: fc.uint8Array({ maxLength: 40 }) }),
)

/** Cuts bytes at the given places, which may lie beyond the end. */
function split(bytes: Buffer, places: readonly number[]): Buffer[] {
  const cuts = [...places.map((place) => place % (bytes.length + 1)), 0, bytes.length]
  cuts.sort((a, b) => a - b)
  return cuts.slice(1).map((end, index) => bytes.subarray(cuts[index], end))
}

function parse(parser: FrameParser, chunks: readonly Buffer[]): Frame[] {
  return chunks.flatMap((chunk) => [...parser.push(chunk)])
}

describe('encodeFrame', () => {
  test('writes length, type and payload, little-endian', () => {
    expect([...encodeFrame(7, Buffer.from('abc'))]).toEqual([3, 0, 0, 0, 7, 97, 98, 99])
    expect([...encodeFrame(255)]).toEqual([0, 0, 0, 0, 255])
  })
})

describe('FrameParser', () => {
  test('finds the same frames however the stream was split', () => {
    const places = fc.array(fc.nat({ max: 2000 }))
    fc.assert(
      fc.property(frameLists, places, (frames, cuts) => {
        const bytes = Buffer.concat(frames.map(({ type, payload }) => encodeFrame(type, payload)))
        const parser = new FrameParser(anyLength)
        const found = parse(parser, split(bytes, cuts))
        const plain = found.map(({ type, payload }) => ({ type, payload: new Uint8Array(payload) }))
        expect(plain).toEqual(frames.map(({ type, payload }) => ({ type, payload })))
        expect(parser.pendingBytes).toBe(0)
      }),
    )
  })

  test('throws nothing but FrameError at garbage', () => {
    const limits = (type: number) => (type < 3 ? 100 : undefined)
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 30 })), (chunks) => {
        const parser = new FrameParser(limits)
        try {
          for (const frame of parse(parser, chunks.map(Buffer.from))) {
            expect(frame.payload.length).toBeLessThanOrEqual(100)
          }
        } catch (error) {
          expect(error).toBeInstanceOf(FrameError)
        }
      }),
    )
  })

  test('takes a frame as long as allowed and refuses one byte more by its head alone', () => {
    const parser = () => new FrameParser(() => 10)
    expect(parse(parser(), [encodeFrame(1, Buffer.alloc(10))])).toHaveLength(1)
    const head = encodeFrame(1, Buffer.alloc(11)).subarray(0, 5)
    expect(() => parse(parser(), [head])).toThrow(FrameTooLongError)
    const longest = Buffer.from([255, 255, 255, 255, 1])
    expect(() => parse(parser(), [longest])).toThrow(FrameTooLongError)
  })

  test('refuses an unknown type, as an error of another kind', () => {
    const refuse = () => parse(new FrameParser(() => undefined), [encodeFrame(9)])
    expect(refuse).toThrow(FrameError)
    expect(refuse).not.toThrow(FrameTooLongError)
  })

  test('yields what was whole before the break of the rules', () => {
    const parser = new FrameParser((type) => (type === 1 ? 5 : undefined))
    const frames = parser.push(Buffer.concat([encodeFrame(1, Buffer.from('ok')), encodeFrame(2)]))
    expect(frames.next().value).toMatchObject({ type: 1 })
    expect(() => frames.next()).toThrow(FrameError)
  })

  test('keeps an incomplete frame until the rest comes', () => {
    const parser = new FrameParser(anyLength)
    expect(parse(parser, [encodeFrame(1, Buffer.from('abc')).subarray(0, 6)])).toEqual([])
    expect(parser.pendingBytes).toBe(6)
  })
})

test('a frame that comes byte by byte is kept in few pieces', () => {
  const chunks: Buffer[] = []
  for (let i = 0; i < 100_000; i++) appendChunk(chunks, Buffer.from([i & 255]))
  expect(Buffer.concat(chunks)).toEqual(
    Buffer.from(Array.from({ length: 100_000 }, (_, i) => i & 255)),
  )
  expect(chunks.length).toBeLessThan(100)
})
