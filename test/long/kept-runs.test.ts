import { describe, expect, test } from 'vitest'
import { KEPT_LIMITS, useKeptRuns } from '../support/kept-runs.ts'

/** What can go wrong where cells run one after the other in one executor, and what each of them has for itself. */
const take = useKeptRuns()
const text = (chunks: readonly Buffer[]) => Buffer.concat(chunks).toString()

describe.each([
  ['python', 'x = 41'],
  ['nodejs', 'const x = 41'],
])('%s', (language, first) => {
  test('an error in one is told with its own line, and ends nothing', async () => {
    const { run, value } = await take(language)
    await run(first)
    const failing = language === 'python' ? '\n1 / 0' : '\nnull.x'
    const { printedError, report, stderr } = await run(failing)
    expect([printedError?.line, report?.exitCode]).toEqual([2, 1])
    expect(text(stderr)).toContain('/workspace/cell-2')
    expect(await value('x')).toBe('41')
  })

  test('one that goes on for too long, or prints too much, is interrupted', {
    retry: 2,
  }, async () => {
    const { executor, run, value } = await take(language)
    await run(first)
    const loop = language === 'python' ? 'while True: pass' : 'while (true) {}'
    const late = await run(loop, { limits: { ...KEPT_LIMITS, wallTimeMs: 1000 } })
    expect([late.report?.cause, executor.takesRuns]).toEqual(['wall_time', true])
    const flood =
      language === 'python' ? 'while True: print("x" * 1000)' : 'while (true) console.log("x")'
    const much = await run(flood, { limits: { ...KEPT_LIMITS, outputBytes: 5000 } })
    expect([much.report?.cause, much.report?.flooded]).toEqual(['output', 'stdout'])
    expect(text(much.stdout)).toHaveLength(5000)
    expect(await value('x')).toBe('41')
  })

  test('one that ends its interpreter ends the executor', async () => {
    const { executor, run } = await take(language)
    const die = language === 'python' ? 'import os; os._exit(3)' : 'process.exit(3)'
    expect((await run(die)).report).toMatchObject({ exitCode: 3 })
    expect(executor.takesRuns).toBe(false)
    await expect(run('1')).rejects.toMatchObject({ code: 'EXECUTOR_LOST' })
  })
})

describe('python', () => {
  test('each run has its own input, arguments and files', async () => {
    const { run } = await take('python')
    const code = 'import sys\nopen(sys.argv[1], "w").write(sys.stdin.read())\nopen("in").read()'
    const given = (word: string) => ({
      argv: [`${word}.txt`],
      stdin: Buffer.from(word),
      files: [{ path: 'in', content: Buffer.from(word) }],
    })
    for (const word of ['one', 'two']) {
      const { artifacts, value } = await run(code, given(word))
      expect(value).toEqual({ 'text/plain': `'${word}'` })
      const made = artifacts.map(({ path, content }) => [path.toString(), content.toString()])
      expect(made).toEqual([[`${word}.txt`, word]])
    }
    const { artifacts, stdout } = await run(
      'print(sys.stdin.read(), sys.argv[1:])\nopen("in", "a").write("x")',
    )
    expect(text(stdout)).toBe(' []\n')
    expect(artifacts.map(({ content }) => content.toString())).toEqual(['twox'])
  })

  test('SystemExit ends a cell, and not what comes after it', async () => {
    const { run, value } = await take('python')
    expect((await run('raise SystemExit(3)')).report).toMatchObject({ exitCode: 3 })
    expect(await value('1 + 1')).toBe('2')
  })

  test('what is left running goes on in the next run', async () => {
    const { run } = await take('python')
    await run(
      'import threading, time\ngo = threading.Event()\nthreading.Thread(target=lambda: (go.wait(), print("late", flush=True))).start()',
    )
    const { stdout } = await run('go.set()\nwhile threading.active_count() > 1: time.sleep(0.01)')
    expect(text(stdout)).toBe('late\n')
  })

  test('a run whose caller goes is interrupted', async () => {
    const { executor, task, value } = await take('python')
    const caller = new AbortController()
    const asked = task('print("begun", flush=True)\nwhile True: pass')
    const record = await executor.runKept(asked, caller.signal, () => caller.abort())
    expect(record.transcript).toMatchObject({ failure: { name: 'KeyboardInterrupt' } })
    expect(record.intervention).toBeNull()
    expect(await value('1')).toBe('1')
  })

  test('scripts and functions run there too', async () => {
    const { run, value } = await take('python')
    await run('x = 1')
    expect(text((await run('print(2)', { mode: 'script' })).stdout)).toBe('2\n')
    const main = await run('async def main(): return [3]', { mode: 'function' })
    expect(main.result?.toString()).toBe('[3]')
    expect(await value('x')).toBe('1')
  })
})
