import { describe, expect, test } from 'vitest'
import { NativeClient } from '../../support/native-client.ts'
import { useShared } from '../../support/shared-manager.ts'

/** The native API on the real service. */
const { client: manager } = useShared()
const client = new NativeClient()
const at = () => {
  client.url = manager.url
  return client
}
const python = (code: string, more: object = {}) => at().run({ language: 'python', code, ...more })

/** Executors that have a run. */
async function leased(): Promise<number> {
  const { body } = await at().fetch('/v1/status')
  const counts: { state: string; count: number }[] = body.executors
  return counts.reduce((sum, { state, count }) => sum + (state === 'leased' ? count : 0), 0)
}

describe('a function', () => {
  test.each([
    ['python', 'def main(a, b): return a + b'],
    ['nodejs', 'function main({ a, b }) { return a + b }'],
  ])('%s: gets its arguments, and gives a result', async (language, code) => {
    const run = { language, code, mode: 'function', arguments: { a: 1, b: 2 } }
    const { status, body } = await at().run(run)
    expect([status, body.status, body.result]).toEqual([200, 'succeeded', 3])
    expect(body.usage.peak_memory_bytes).toBeGreaterThan(0)
  })

  test('that fails says how', async () => {
    const { status, body } = await python('def main():\n    raise ValueError("no")', {
      mode: 'function',
    })
    expect([status, body.status, body.exit_code]).toEqual([200, 'failed', 1])
    expect(body.error).toMatchObject({ name: 'ValueError' })
    expect(body.stderr).toContain('ValueError: no')
  })

  test('with a limit of its own', async () => {
    const code = 'def main():\n    while True: pass'
    const { body } = await python(code, { mode: 'function', limits: { wall_ms: 300 } })
    expect(body.status).toBe('timed_out')
    expect(body.detail).toContain('time limit')
  })
})

describe('a script', () => {
  test('gets stdin, arguments, environment and files, and gives files back', async () => {
    const form = new FormData()
    const code = `import os, sys
print(sys.argv[1:], os.environ["NAME"], sys.stdin.read())
data = open("data/in.bin", "rb").read()
open("data/out.bin", "wb").write(data[::-1])`
    for (const [name, value] of Object.entries({ language: 'python', code, stdin: 'line' })) {
      form.append(name, value)
    }
    form.append('argv', 'one')
    form.append('argv', 'two')
    form.append('env', '{"NAME": "value"}')
    form.append('files', new Blob([Uint8Array.of(0, 1, 255)]), 'data/in.bin')
    const { status, body } = await at().run(form)
    expect([status, body.status, body.stderr]).toEqual([200, 'succeeded', ''])
    expect(body.stdout).toBe("['one', 'two'] value line\n")
    expect(body.files).toEqual([
      { path: 'data/out.bin', size: 3, media_type: expect.any(String), content_base64: '/wEA' },
    ])
  })

  test('of many megabytes of input', async () => {
    const content = Buffer.alloc(8 * 1024 ** 2, 'abc')
    const { body } = await python('print(len(open("big").read()), end="")', {
      files: [{ path: 'big', content_base64: content.toString('base64') }],
    })
    expect(body).toMatchObject({ status: 'succeeded', stdout: `${content.length}`, files: [] })
  })

  test.each([
    ['python', 'print("x")\nraise SystemExit(3)', 3],
    ['nodejs', 'console.log("x"); process.exit(3)', 3],
    ['bash', 'echo x; exit 3', 3],
  ])('%s: its exit code and what it printed are told', async (language, code, exit) => {
    const { body } = await at().run({ language, code })
    expect(body).toMatchObject({ status: 'failed', exit_code: exit, stdout: 'x\n' })
  })

  test.each([
    ['timed_out', 'print("x", flush=True)\nwhile True: pass', { wall_ms: 2000 }],
    ['out_of_memory', 'print("x", flush=True)\na = bytearray(200 << 20)', { memory_mb: 32 }],
    ['output_limit', 'print("x" * 5000)', { output_bytes: 1000 }],
  ])('%s', async (status, code, limits) => {
    const { body } = await python(code, { limits })
    expect(body.status).toBe(status)
    expect(body.stdout).toMatch(/^x/)
  })

  test('that uses up its processor time leaves all that it made', async () => {
    const code = `import os, sys, time
open("a.txt", "w").write("kept")
print("first")
if sys.argv[1:]:
    os.fork()
    while True: pass
time.sleep(0.5)`
    const limits = { wall_ms: 25_000, cpu_ms: 400 }
    const waiting = await python(code, { limits })
    expect(waiting.body).toMatchObject({ status: 'succeeded', stdout: 'first\n' })
    const { body } = await python(code, { limits, argv: ['loop'] })
    expect(body).toMatchObject({ status: 'timed_out', stdout: 'first\n' })
    expect(body.detail).toContain('processor time of 400 ms')
    expect(body.files.map(({ path }: { path: string }) => path)).toEqual(['a.txt'])
    expect(body.usage.cpu_ms).toBeGreaterThanOrEqual(400)
  })

  test('globs that take long on the names that a program made end with its time', async () => {
    const code = `import os
folder = "/".join(["a" * 250] * 3)
os.makedirs(folder)
for n in range(3000): open(f"{folder}/{'a' * 240}{n}", "w")`
    // Each looks through its thousand characters at each character of a name.
    const collect = Array.from({ length: 32 }, (_, n) => `*[${'c'.repeat(1000)}]${n}`)
    const { body } = await python(code, { collect, limits: { wall_ms: 5000 } })
    expect(body.files).toEqual([])
    expect(body.files_left_out).toMatchObject([{ reason: 'time' }])
  })

  test('collects what it is asked for', async () => {
    const code = 'for name in ("a.txt", "b.csv"): open(name, "w").write(name)'
    const { body } = await python(code, { collect: ['*.csv'] })
    expect(body.files.map(({ path }: { path: string }) => path)).toEqual(['b.csv'])
  })

  test('that the core refuses is told with its field', async () => {
    const { status, body } = await python('', { files: [{ path: 'main.py', content: '' }] })
    expect([status, body.errors[0].pointer]).toEqual([400, '/files/0/path'])
  })
})

describe('a batch', () => {
  test('runs one program with many inputs', async () => {
    const inputs = Array.from({ length: 5 }, (_, n) => ({ stdin: `${n}` }))
    const { body } = await at().post('/v1/batches', {
      run: { language: 'python', code: 'print(int(input()) ** 2, end="")' },
      inputs,
    })
    expect(body.results.map(({ stdout }: { stdout: string }) => stdout)).toEqual([
      '0',
      '1',
      '4',
      '9',
      '16',
    ])
  })
})

describe('a stream', () => {
  test('tells output while the program runs', async () => {
    const code = 'import time\ndef main():\n    print("first", flush=True)\n    time.sleep(60)'
    const caller = new AbortController()
    const body = { language: 'python', code, mode: 'function' }
    let text = ''
    const reading = (async () => {
      for await (const { event, data } of at().events('/v1/runs', body, {
        signal: caller.signal,
      })) {
        if (event !== 'stdout') continue
        text += data.text
        // It has not ended: its output is there before. Hanging up cancels it.
        caller.abort()
      }
    })()
    await expect(reading).rejects.toThrow()
    expect(text).toBe('first\n')
    await expect.poll(leased, { timeout: 20_000 }).toBe(0)
  })
})

test('what there is to know', async () => {
  const { body } = await at().fetch('/v1/templates')
  const names = body.templates.map(({ name }: { name: string }) => name)
  expect(names.sort()).toEqual(['bash', 'nodejs', 'python'])
  for (const { version, libraries } of body.templates) {
    expect(version).toMatch(/^\d+\./)
    expect(libraries.length).toBeGreaterThan(0)
  }
  const { body: status } = await at().fetch('/v1/status')
  expect(status.executors).toContainEqual({
    pool: 'python',
    state: 'ready',
    count: expect.any(Number),
  })
})
