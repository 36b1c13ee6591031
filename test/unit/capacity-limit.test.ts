import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CapacityLimit } from '../../src/pool/capacity-limit.ts'

const quiet = () => {}

test('no more are made at once than allowed', () => {
  const gate = new CapacityLimit(2, 10)
  const pool = gate.join(1, quiet)
  const enter = () => gate.tryEnter(pool)
  expect([enter(), enter(), enter()]).toEqual([true, true, false])
  gate.made()
  expect([enter(), enter()]).toEqual([true, false])
})

test('no more are alive than allowed', () => {
  const gate = new CapacityLimit(10, 2)
  const pool = gate.join(1, quiet)
  const enter = () => gate.tryEnter(pool)
  expect([enter(), enter(), enter()]).toEqual([true, true, false])
  gate.made()
  expect(enter()).toBe(false)
  gate.left(pool)
  expect([enter(), enter()]).toEqual([true, false])
})

test('whoever waits is told of each free place, by turns', () => {
  const gate = new CapacityLimit(1, 10)
  const told: string[] = []
  const pool = gate.join(1, () => told.push('a'))
  gate.join(1, () => told.push('b'))
  gate.tryEnter(pool)
  gate.made()
  gate.tryEnter(pool)
  gate.made()
  expect(told).toEqual(['a', 'b', 'b', 'a'])
})

test('a place goes to pools by turns, not to the first again and again', () => {
  const gate = new CapacityLimit(1, 10)
  const entered: string[] = []
  const [first] = ['a', 'b', 'c'].map((name) => {
    const pool = gate.join(1, () => gate.tryEnter(pool) && entered.push(name))
    return pool
  })
  if (first) gate.tryEnter(first)
  for (let i = 0; i < 6; i++) gate.made()
  expect([...entered].sort()).toEqual(['a', 'a', 'b', 'b', 'c', 'c'])
})

test('what no pool has takes a place until it is removed', async () => {
  const gate = new CapacityLimit(10, 1)
  const pool = gate.join(1, quiet)
  let removed = () => {}
  gate.occupy(
    new Promise((resolve) => {
      removed = resolve
    }),
  )
  expect(gate.tryEnter(pool)).toBe(false)
  removed()
  await new Promise(setImmediate)
  expect(gate.tryEnter(pool)).toBe(true)
})

describe('places of its own', () => {
  function fill(gate: CapacityLimit, floor: number, pools: number): number[] {
    const members = Array.from({ length: pools }, () => gate.join(floor, quiet))
    for (const member of members) while (gate.tryEnter(member));
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
        const gate = new CapacityLimit(1000, most)
        const members = Array.from({ length: 4 }, () => gate.join(floor + 1, quiet))
        const share = Math.min(floor + 1, Math.floor(most / 4))
        for (const [index, enters] of steps) {
          const member = members[index] as (typeof members)[0]
          if (enters) expect(gate.tryEnter(member) || member.alive >= share).toBe(true)
          else if (member.alive > 0) gate.left(member)
          const alive = members.reduce((sum, one) => sum + one.alive, 0)
          expect(alive).toBeLessThanOrEqual(most)
        }
      }),
    )
  })
})
