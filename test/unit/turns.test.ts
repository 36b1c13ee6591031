import { expect, test } from 'vitest'
import { Turns } from '../../src/sessions/turns.ts'

const never = new AbortController().signal

test('turns come in order, and who leaves is not waited for', async () => {
  const turns = new Turns()
  const order: string[] = []
  const end = await turns.take(never)
  expect(turns.isTaken).toBe(true)
  const leaving = new AbortController()
  const all = ['a', 'b', 'c'].map(async (name) => {
    const over = await turns.take(name === 'b' ? leaving.signal : never)
    order.push(name)
    over()
    over()
  })
  expect(turns.waiting).toBe(3)
  leaving.abort(new Error('left'))
  await expect(all[1]).rejects.toThrow('left')
  expect(turns.waiting).toBe(2)
  end()
  await Promise.all([all[0], all[2]])
  expect(order).toEqual(['a', 'c'])
  expect(turns.isTaken).toBe(false)
  await expect(turns.take(leaving.signal)).rejects.toThrow('left')
  expect(turns.isTaken).toBe(false)
})
