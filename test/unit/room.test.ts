import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { makeRoom, type QueueBounds } from '../../src/dispatch/room.ts'

const BOUNDS: QueueBounds = {
  queueLength: 4,
  queueLengthPerCaller: 3,
  queueBytes: 100,
  queueBytesPerCaller: 60,
}

/** Runs that wait, as `caller:bytes`, from the oldest to the youngest. */
function queue(...runs: string[]) {
  return runs.map((text) => {
    const [caller, bytes] = text.split(':') as [string, string]
    return { caller, bytes: Number(bytes), text }
  })
}

function room(run: string, ...waiting: string[]): string[] | null {
  const [coming] = queue(run)
  const gone = makeRoom(coming as { caller: string; bytes: number }, queue(...waiting), BOUNDS)
  return gone?.map(({ text }) => text) ?? null
}

describe('the number that waits', () => {
  test('while there is room nobody goes', () => {
    expect(room('a:1', 'a:2', 'b:3')).toEqual([])
  })

  test('a caller without a line is let in: the youngest of the longest line goes', () => {
    expect(room('c:1', 'a:1', 'b:1', 'a:2', 'a:3')).toEqual(['a:3'])
  })

  test('one whose line would be the longest, or as long, is refused itself', () => {
    expect(room('a:4', 'a:1', 'a:2', 'b:1', 'c:1')).toBeNull()
    expect(room('b:2', 'a:1', 'a:2', 'b:1', 'c:1')).toBeNull()
  })

  test('one with a shorter line is let in', () => {
    expect(room('b:2', 'a:1', 'a:2', 'a:3', 'b:1')).toEqual(['a:3'])
  })

  test('when all have one run, a caller without a line is let in beyond the bound', () => {
    expect(room('e:1', 'a:1', 'b:1', 'c:1', 'd:1')).toEqual([])
  })

  test('a line has a bound of its own', () => {
    expect(room('a:4', 'a:1', 'a:2', 'a:3')).toBeNull()
  })
})

describe('the bytes that wait', () => {
  test('for one more the youngest of the line with the most bytes go, as many as it takes', () => {
    expect(room('b:50', 'a:40', 'a:10', 'a:5')).toEqual(['a:5'])
    expect(room('b:25', 'a:18', 'a:19', 'a:20', 'c:40')).toEqual(['a:20', 'c:40'])
  })

  test('one that would have the most itself is refused', () => {
    expect(room('b:70', 'a:40')).toBeNull()
    expect(room('a:30', 'a:20', 'b:30', 'c:30')).toBeNull()
  })

  test('a line has a bound of its own', () => {
    expect(room('a:30', 'a:40')).toBeNull()
  })
})

test('a small run of a caller without a line is always let in, and the bounds hold', () => {
  const run = fc.record({ caller: fc.constantFrom('a', 'b', 'c'), bytes: fc.nat({ max: 60 }) })
  fc.assert(
    fc.property(fc.array(run, { maxLength: 30 }), (runs) => {
      let waiting: { caller: string; bytes: number }[] = []
      for (const coming of runs) {
        const gone = makeRoom(coming, waiting, BOUNDS)
        if (gone) waiting = [...waiting.filter((waiter) => !gone.includes(waiter)), coming]
        expect(waiting.length).toBeLessThanOrEqual(BOUNDS.queueLength)
        const bytes = waiting.reduce((sum, waiter) => sum + waiter.bytes, 0)
        expect(bytes).toBeLessThanOrEqual(BOUNDS.queueBytes)
      }
      expect(makeRoom({ caller: 'new', bytes: 0 }, waiting, BOUNDS)).not.toBeNull()
    }),
  )
})
