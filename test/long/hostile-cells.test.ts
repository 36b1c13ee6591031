import { describe, expect, test } from 'vitest'
import { useManager } from '../support/manager.ts'
import { NativeClient } from '../support/native-client.ts'

/** Cells that want to be more, or to show more, than they may. */
const manager = useManager({ runtimes: ['nodejs', 'python'], limits: { wallTimeMs: 30_000 } })
const client = new NativeClient()

async function cell(language: string, code: string) {
  client.url = manager.url
  const { status, body, text } = await client.run({ language, code, mode: 'cell' })
  expect(status).toBe(200)
  // 1 MiB of each of stdout, stderr and what is shown, as JSON.
  expect(text.length).toBeLessThan(8 * 1024 ** 2)
  return body
}

/** Speaks in the runner's place. */
const SPEAK = `import os, struct
def say(kind, text): os.write(199, struct.pack("<IB", len(text), kind) + text)
`

describe('python', () => {
  test.each([
    ['what is no bundle', 'say(8, b"[1]")', 'failed', 'interfered'],
    ['no JSON', 'say(9, b"{")', 'failed', 'interfered'],
    ['a media type that is none', 'say(8, b\'{"__proto__": 1}\')', 'failed', 'interfered'],
    [
      'a deep bundle',
      'say(8, b\'{"a/b":\' + b"[" * 9999 + b"]" * 9999 + b"}")',
      'failed',
      'interfered',
    ],
    ['4 GiB', 'os.write(199, b"\\xff\\xff\\xff\\xff\\x08")', 'output_limit', 'cell shows'],
    ['an end in a run that is not kept', 'say(10, b"0")', 'failed', 'interfered'],
    ['a refusal', 'say(5, b"Line 1: no")', 'failed', 'interfered'],
  ])('says %s', async (_what, code, status, detail) => {
    const body = await cell('python', `${SPEAK}${code}\nimport time; time.sleep(5)`)
    expect([body.status, body.displays]).toEqual([status, []])
    expect(body.detail).toContain(detail)
  })

  test('a bundle that it makes up is shown like any other', async () => {
    const body = await cell('python', `${SPEAK}say(8, b'{"text/html": "<script>"}')`)
    expect(body).toMatchObject({ status: 'succeeded', displays: [{ 'text/html': '<script>' }] })
  })

  test.each([
    ['many', 'while True: display(1)', 100],
    ['a large one', 'display({"text/plain": "x" * (8 << 20)}, raw=True)', 0],
    ['large ones', 'while True: display({"text/plain": "x" * 300_000}, raw=True)', 3],
  ])('displays %s', async (_what, code, kept) => {
    const body = await cell('python', code)
    expect([body.status, body.displays.length]).toEqual(['output_limit', kept])
    expect(body.detail).toContain('cell shows')
  })

  test.each([
    [
      'prints 100 MB',
      'for _ in range(100): print("x" * 1_000_000)',
      { status: 'output_limit', stdout_truncated: true },
    ],
    ['prints by a shell', '!yes', { status: 'output_limit', stdout_truncated: true }],
    ['kills its interpreter', 'import os; os.kill(os.getpid(), 9)', { signal: 'SIGKILL' }],
    ['crashes it', 'import ctypes; ctypes.string_at(0)', { signal: 'SIGSEGV' }],
    ['ends with SystemExit', 'raise SystemExit("bye")', { exit_code: 1, stderr: 'bye\n' }],
    [
      'raises what cannot be shown',
      'class E(BaseException):\n  def __str__(self): 1 / 0\nraise E',
      { exit_code: 1 },
    ],
    ['has a form that fails', 'class A:\n  def _repr_html_(self): 1 / 0\nA()', { exit_code: 0 }],
    [
      'has a form that ends it',
      'class A:\n  def _repr_html_(self): raise SystemExit(4)\nA()',
      { exit_code: 4 },
    ],
    ['takes IPython apart', 'get_ipython().displayhook = None\n1', { exit_code: 1 }],
  ])('%s', async (_what, code, expected) => {
    expect(await cell('python', code)).toMatchObject(expected)
  })
})

describe('javascript', () => {
  test.each([
    ['displays many', 'while (true) display(1)', { status: 'output_limit' }],
    [
      'prints 100 MB',
      'for (let i = 0; i < 100; i++) console.log("x".repeat(1e6))',
      { status: 'output_limit' },
    ],
    ['kills its interpreter', 'process.kill(process.pid, "SIGKILL")', { signal: 'SIGKILL' }],
    ['is no bundle', '({ [Symbol.for("Jupyter.display")]: () => 1 })', { status: 'failed' }],
    ['takes JSON away', 'JSON.stringify = JSON.parse = null; 1', { result: { 'text/plain': '1' } }],
  ])('%s', async (_what, code, expected) => {
    expect(await cell('javascript', code)).toMatchObject(expected)
  })
})

test('an honest cell comes after them', async () => {
  expect((await cell('python', '1 + 1')).result).toEqual({ 'text/plain': '2' })
})
