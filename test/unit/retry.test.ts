import { expect, test } from 'vitest'
import { retried } from '../../src/lib/retry.ts'

function failing(times: number): () => Promise<number> {
  let count = 0
  return async () => {
    count += 1
    if (count <= times) throw new Error(`attempt ${count}`)
    return count
  }
}

test('what fails is tried again, and the operator is told', async () => {
  const said: string[] = []
  expect(await retried('pip', (line) => said.push(line), failing(2), [0, 0])).toBe(3)
  expect(said).toEqual([
    expect.stringContaining('pip failed'),
    expect.stringContaining('pip failed'),
  ])
})

test('the error of the last attempt is the error', async () => {
  await expect(retried('pip', () => {}, failing(3), [0, 0])).rejects.toThrow('attempt 3')
})
