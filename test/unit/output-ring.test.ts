import fc from 'fast-check'
import { expect, test } from 'vitest'
import { OutputRing } from '../../src/sessions/output-ring.ts'

const MOST = 4096
const piece = fc.tuple(fc.constantFrom('stdout' as const, 'stderr' as const), fc.nat(3000))

test('a ring holds the latest bytes in order, within its bound, and after it was written down too', () => {
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), fc.nat(60_000), (pieces, from) => {
      const ring = new OutputRing(MOST)
      let all = ''
      let next = 0
      for (const [stream, length] of pieces) {
        const text = Array.from({ length }, () => String.fromCharCode(97 + (next++ % 26))).join('')
        all += text
        ring.add(stream, Buffer.from(text))
      }
      for (const one of [ring, OutputRing.of(MOST, ring.state())]) {
        expect(one.next).toBe(all.length)
        expect(one.next - one.first).toBeLessThanOrEqual(Math.max(MOST, 16 * 1024))
        let at = Math.max(from, one.first)
        let said = ''
        for (let found = one.read(from); found; found = one.read(at)) {
          expect(found.offset).toBe(at)
          said += found.bytes
          at = found.offset + found.bytes.length
        }
        expect(said).toBe(all.slice(Math.max(from, one.first)))
      }
    }),
  )
})

test('a ring that was cleared goes on', () => {
  const ring = new OutputRing(MOST)
  ring.add('stdout', Buffer.from('before'))
  ring.clear()
  ring.add('stderr', Buffer.from('after'))
  expect(ring.read(0)).toEqual({ offset: 6, stream: 'stderr', bytes: Buffer.from('after') })
})
