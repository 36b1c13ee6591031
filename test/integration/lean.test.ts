import { expect, test } from 'vitest'
import { useManager } from '../support/manager.ts'

/** Two Python executors, a standard and a lean one: which of them runs a program must not be seen. */

const client = useManager({
  runtimes: ['python'],
  leanExecutors: true,
  limits: { memoryBytes: 256 * 1024 ** 2 },
})

const run = (code: string, args: object = {}) => client.run('python', code, args)

const loaded = (name: string) =>
  `import sys\ndef main():\n    return any(m.startswith(${name}) for m in sys.modules)\n`

test('a program that names no heavy library runs where none is loaded', async () => {
  // The name is put together, so that the text does not contain it; the pool is ready some time after
  // the start, until then the standard executor serves.
  const code = [
    'import gc',
    'def main():',
    "    return any(type(o).__module__.startswith('pan' + 'das') for o in gc.get_objects())",
  ].join('\n')
  await expect.poll(async () => (await run(code)).result?.value, { timeout: 60_000 }).toBe(false)
})

test('a wrong hint costs an import and nothing else', async () => {
  const code = [
    'import importlib',
    'def main():',
    "    np = importlib.import_module('num' + 'py')",
    '    return int(np.arange(5).sum())',
  ].join('\n')
  const { status, result } = await run(code)
  expect([status, result?.value]).toEqual(['success', 10])
})

test('what programs see as loaded is the same in both', async () => {
  const plain = await run(loaded("'pan' + 'das'"))
  const named = await run(loaded("'pandas'"))
  expect([plain.result?.value, named.result?.value]).toEqual([false, false])
})

test('many plain programs at once are served by both pools', async () => {
  const code = 'def main(n):\n    return n * n\n'
  const answers = await Promise.all(Array.from({ length: 8 }, (_, n) => run(code, { n })))
  expect(answers.map(({ result }) => result?.value)).toEqual([0, 1, 4, 9, 16, 25, 36, 49])
})
