import { describe, expect, test } from 'vitest'
import { useShared } from '../../support/shared-manager.ts'

/** Results without end, main as a generator, and arguments that cannot be read. */
const { client } = useShared()

describe.concurrent('results that are too deep or have no end', () => {
  test.each([
    ['python', 'def main():\n  x = []\n  for _ in range(5000): x = [x]\n  return {"n": 1, "x": x}'],
    [
      'python',
      'def main():\n  x = {}\n  for _ in range(100000): x = {"x": x}\n  return {"n": 1, "x": x}',
    ],
    [
      'nodejs',
      'function main() { let x = []; for (let i = 0; i < 100000; i++) x = [x]; return { n: 1, x } }',
    ],
  ])('%s: %s', async (language, code) => {
    const answer = await client.run(language, code)
    expect(answer).toMatchObject({ status: 'success', result: { value: { n: 1 } } })
    expect(answer.detail).toMatch(/nested more than \d+ deep/)
  })

  test.each([
    ['python', 'def main():\n  x = [1]\n  for _ in range(480): x = [x]\n  return x'],
    ['nodejs', 'function main() { let x = [1]; for (let i = 0; i < 480; i++) x = [x]; return x }'],
  ])('%s: one just below the limit comes whole', async (language, code) => {
    const answer = await client.run(language, code)
    expect(answer).toMatchObject({ status: 'success', detail: null })
    expect(JSON.stringify(answer.result?.value)).toBe(`${'['.repeat(481)}1${']'.repeat(481)}`)
  })

  test.each([
    ['python', 'import itertools\ndef main(): return itertools.repeat(0)'],
    ['nodejs', 'function main() { return (function* () { for (;;) yield 0 })() }'],
  ])('%s: an iterator without end is cut', async (language, code) => {
    const answer = await client.run(language, code)
    expect(answer).toMatchObject({ status: 'success' })
    expect(answer.result?.value).toHaveLength(1_000_000)
    expect(answer.detail).toMatch(/result: cut after 1000000 items/)
  })
})

describe.concurrent('main as a generator', () => {
  test.each([
    ['python', 'def main(n):\n  for i in range(n): yield {i}', [[0], [1]]],
    ['python', 'async def main(n):\n  for i in range(n): yield i', [0, 1]],
    ['nodejs', 'function* main({ n }) { for (let i = 0; i < n; i++) yield i }', [0, 1]],
    ['nodejs', 'async function* main({ n }) { for (let i = 0; i < n; i++) yield i }', [0, 1]],
  ])('%s: %s', async (language, code, value) => {
    expect((await client.run(language, code, { n: 2 })).result?.value).toEqual(value)
  })

  test.each([
    [
      'python',
      'def main():\n  yield 1\n  raise KeyError("no")',
      /line 3, in main[\s\S]*KeyError: 'no'/,
    ],
    [
      'python',
      'async def main():\n  yield 1\n  raise KeyError("no")',
      /line 3, in main[\s\S]*KeyError: 'no'/,
    ],
    ['nodejs', 'async function* main() { yield 1; throw new TypeError("no") }', /TypeError: no/],
  ])('%s: what it raises is the program’s failure: %s', async (language, code, stderr) => {
    const answer = await client.run(language, code)
    expect(answer).toMatchObject({ status: 'program_error', exit_code: 1, result: null })
    expect(answer.stderr).toMatch(stderr)
  })
})

describe.concurrent('arguments that Python cannot read', () => {
  test.each([
    [
      `{"a":${'['.repeat(30_000)}${']'.repeat(30_000)}}`,
      /ValueError: the arguments are nested too deep/,
    ],
    [`{"a":${'1'.repeat(5000)}}`, /ValueError: the arguments cannot be read: .*digits/],
  ])('are told as such, without lines of the service', async (args, stderr) => {
    const answer = JSON.parse(await client.runForText('python', 'def main(a): return 1', args))
    expect(answer).toMatchObject({ status: 'program_error', exit_code: 1 })
    expect(answer.stderr).toMatch(stderr)
    expect(answer.stderr).not.toMatch(/runner|decoder/)
  })
})
