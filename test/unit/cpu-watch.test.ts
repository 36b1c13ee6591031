import { expect, test } from 'vitest'
import { watchCpuTime } from '../../src/engine/runsc/cpu-watch.ts'

/** Tells one number after the other, and what it was asked when there is none left. */
function counter(...values: (number | Error)[]) {
  const asked: (number | Error)[] = []
  const used = () => {
    const value = values[Math.min(asked.length, values.length - 1)] as number | Error
    asked.push(value)
    if (value instanceof Error) throw value
    return value
  }
  return { asked, used }
}

test('looks until the limit is reached, and tells it once', async () => {
  const { asked, used } = counter(1, new Error('no descriptor'), 19, 20, 30)
  await new Promise<void>((resolve) => watchCpuTime(20, used, resolve, 2))
  expect(asked).toEqual([1, expect.any(Error), 19, 20])
})

test('looks no more when it was ended', async () => {
  const { asked, used } = counter(0)
  const end = watchCpuTime(10, used, () => {}, 1)
  end()
  end()
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(asked).toEqual([])
})
