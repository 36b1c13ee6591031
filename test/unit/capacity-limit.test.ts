import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CapacityLimit } from '../../src/pool/capacity-limit.ts'

const quiet = () => {}

test('no more are made at once than allowed', () => {
  const capacity = new CapacityLimit(2, 10)
  const pool = capacity.join(1, quiet)
  const enter = () => capacity.tryEnter(pool)
  expect([enter(), enter(), enter()]).toEqual([true, true, false])
  capacity.made()
  expect([enter(), enter()]).toEqual([true, false])
})

test('no more are alive than allowed', () => {
  const capacity = new CapacityLimit(10, 2)
  const pool = capacity.join(1, quiet)
  const enter = () => capacity.tryEnter(pool)
  expect([enter(), enter(), enter()]).toEqual([true, true, false])
  capacity.made()
  expect(enter()).toBe(false)
  capacity.left(pool)
  expect([enter(), enter()]).toEqual([true, false])
})

test('whoever waits is told of each free place, by turns', () => {
  const capacity = new CapacityLimit(1, 10)
  const told: string[] = []
  const pool = capacity.join(1, () => told.push('a'))
  capacity.join(1, () => told.push('b'))
  capacity.tryEnter(pool)
  capacity.made()
  capacity.tryEnter(pool)
  capacity.made()
  expect(told).toEqual(['a', 'b', 'b', 'a'])
})

test('a place goes to pools by turns, not to the first again and again', () => {
  const capacity = new CapacityLimit(1, 10)
  const entered: string[] = []
  const [first] = ['a', 'b', 'c'].map((name) => {
    const pool = capacity.join(1, () => capacity.tryEnter(pool) && entered.push(name))
    return pool
  })
  if (first) capacity.tryEnter(first)
  for (let i = 0; i < 6; i++) capacity.made()
  expect([...entered].sort()).toEqual(['a', 'a', 'b', 'b', 'c', 'c'])
})

test('what no pool has takes a place until it is removed', async () => {
  const capacity = new CapacityLimit(10, 1)
  const pool = capacity.join(1, quiet)
  let removed = () => {}
  capacity.occupy(
    new Promise((resolve) => {
      removed = resolve
    }),
  )
  expect(capacity.tryEnter(pool)).toBe(false)
  removed()
  await new Promise(setImmediate)
  expect(capacity.tryEnter(pool)).toBe(true)
})

describe('places of its own', () => {
  function fill(capacity: CapacityLimit, floor: number, pools: number): number[] {
    const members = Array.from({ length: pools }, () => capacity.join(floor, quiet))
    for (const member of members) while (capacity.tryEnter(member));
    return members.map(({ alive }) => alive)
  }

  test('each pool has one, however few there are', () => {
    expect(fill(new CapacityLimit(100, 3), 5, 3)).toEqual([1, 1, 1])
    expect(fill(new CapacityLimit(100, 4), 5, 3)).toEqual([2, 1, 1])
  })

  test('each has what it keeps ready where that fits', () => {
    expect(fill(new CapacityLimit(100, 20), 2, 3)).toEqual([16, 2, 2])
  })

  test('whatever the others do, a pool gets its share, and there are never more than allowed', () => {
    const step = fc.tuple(fc.nat(3), fc.boolean())
    const cases = [fc.integer({ min: 4, max: 30 }), fc.nat(10), fc.array(step)] as const
    fc.assert(
      fc.property(...cases, (most, floor, steps) => {
        const capacity = new CapacityLimit(1000, most)
        const members = Array.from({ length: 4 }, () => capacity.join(floor + 1, quiet))
        const share = Math.min(floor + 1, Math.floor(most / 4))
        for (const [index, enters] of steps) {
          const member = members[index] as (typeof members)[0]
          if (enters) expect(capacity.tryEnter(member) || member.alive >= share).toBe(true)
          else if (member.alive > 0) capacity.left(member)
          const alive = members.reduce((sum, one) => sum + one.alive, 0)
          expect(alive).toBeLessThanOrEqual(most)
        }
      }),
    )
  })
})
