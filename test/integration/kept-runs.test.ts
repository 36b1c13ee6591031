import { expect, test } from 'vitest'
import { useKeptRuns } from '../support/kept-runs.ts'

/** Several cells one after the other in one executor; test/long/kept-runs.test.ts has what can go wrong. */
const take = useKeptRuns()

test.each([
  ['python', 'x = 41', 'def f(): return x\nf() + 1', 'import asyncio\nawait asyncio.sleep(0)\nx'],
  ['nodejs', 'const x = 41', 'function f() { return x }\nf() + 1', 'await 1\nx'],
])('%s: one cell finds what another has made', async (language, first, second, third) => {
  const { executor, run, value } = await take(language)
  expect(await run(first)).toMatchObject({ value: null, report: { exitCode: 0 } })
  expect(executor.takesRuns).toBe(true)
  expect(await value(second)).toBe('42')
  expect(await value(third)).toBe('41')
  expect(await value('f()')).toBe('41')
})
