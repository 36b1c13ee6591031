import { expect, test } from 'vitest'
import { Gate } from '../../src/pool/gate.ts'

test('no more are made at once than allowed', () => {
  const gate = new Gate(2, 10)
  expect([gate.tryEnter(), gate.tryEnter(), gate.tryEnter()]).toEqual([true, true, false])
  gate.made()
  expect([gate.tryEnter(), gate.tryEnter()]).toEqual([true, false])
})

test('no more are alive than allowed', () => {
  const gate = new Gate(10, 2)
  expect([gate.tryEnter(), gate.tryEnter(), gate.tryEnter()]).toEqual([true, true, false])
  gate.made()
  expect(gate.tryEnter()).toBe(false)
  gate.left()
  expect([gate.tryEnter(), gate.tryEnter()]).toEqual([true, false])
})

test('whoever waits is told of each free place, by turns', () => {
  const gate = new Gate(1, 10)
  const told: string[] = []
  gate.onFree(() => told.push('a'))
  gate.onFree(() => told.push('b'))
  gate.tryEnter()
  gate.made()
  gate.tryEnter()
  gate.made()
  expect(told).toEqual(['a', 'b', 'b', 'a'])
})

test('a place goes to pools by turns, not to the first again and again', () => {
  const gate = new Gate(1, 10)
  const entered: string[] = []
  for (const name of ['a', 'b', 'c']) gate.onFree(() => gate.tryEnter() && entered.push(name))
  gate.tryEnter()
  for (let i = 0; i < 6; i++) gate.made()
  expect([...entered].sort()).toEqual(['a', 'a', 'b', 'b', 'c', 'c'])
})

test('what no pool has takes a place until it is removed', async () => {
  const gate = new Gate(10, 1)
  let removed = () => {}
  gate.occupy(
    new Promise((resolve) => {
      removed = resolve
    }),
  )
  expect(gate.tryEnter()).toBe(false)
  removed()
  await new Promise(setImmediate)
  expect(gate.tryEnter()).toBe(true)
})
