import { describe, expect, test } from 'vitest'
import { Budget, type Entry } from '../../src/api/accounts.ts'

const evicted: string[] = []

function budget(evictFirst: 'oldest' | 'youngest' = 'youngest') {
  evicted.length = 0
  const budget = new Budget({ perCaller: 60, total: 100, evictFirst })
  const open = (caller: string, bytes: number, name = caller): Entry => {
    const entry = budget.open(caller, () => evicted.push(name))
    expect(entry.add(bytes)).toBe(true)
    return entry
  }
  return { budget, open }
}

describe('what is held for a caller', () => {
  test('is bounded, and given back once', () => {
    const { budget: bytes, open } = budget()
    const entry = open('a', 50)
    expect(entry.add(11)).toBe(false)
    expect(entry.add(10)).toBe(true)
    expect([bytes.heldFor('a'), bytes.total, bytes.entriesOf('a')]).toEqual([60, 60, 1])
    expect(bytes.hasRoom('a')).toBe(false)
    entry.release()
    entry.release()
    expect([bytes.heldFor('a'), bytes.total, bytes.entriesOf('a')]).toEqual([0, 0, 0])
    expect(entry.add(1)).toBe(false)
  })

  test('leaves other callers alone while there is room', () => {
    const { open } = budget()
    open('a', 60)
    open('b', 40)
    expect(evicted).toEqual([])
  })
})

describe('when all together hold too much', () => {
  test('the youngest of the caller with the most goes', () => {
    const { budget: bytes, open } = budget()
    open('a', 20, 'a1')
    open('a', 40, 'a2')
    open('b', 40)
    open('c', 1)
    expect(evicted).toEqual(['a2'])
    expect([bytes.heldFor('a'), bytes.total]).toEqual([20, 61])
  })

  test('or the oldest, where that is said', () => {
    const { open } = budget('oldest')
    open('a', 20, 'a1')
    open('a', 40, 'a2')
    open('b', 40)
    open('c', 1)
    expect(evicted).toEqual(['a1'])
  })

  test('a caller who would hold the most is refused, and nobody is evicted', () => {
    const { budget: bytes, open } = budget()
    open('a', 50)
    open('b', 50)
    const third = bytes.open('c', () => {})
    expect(third.add(51)).toBe(false)
    expect(third.add(50)).toBe(true)
    expect(evicted).toHaveLength(1)
  })

  test('an entry that was evicted takes nothing any more', () => {
    const { open } = budget()
    const large = open('a', 60)
    open('b', 40)
    open('c', 1)
    expect(large.add(1)).toBe(false)
    expect(large.bytes).toBe(60)
  })

  test('what is there already is kept, and others of its caller go first', () => {
    const { budget: bytes, open } = budget('oldest')
    open('a', 60, 'first')
    const second = bytes.open('a', () => evicted.push('second'))
    second.force(90)
    expect(evicted).toEqual(['first'])
    second.force(20)
    expect(evicted).toEqual(['first'])
    expect(bytes.total).toBe(110)
    open('b', 1)
    expect(evicted).toEqual(['first', 'second'])
  })
})
