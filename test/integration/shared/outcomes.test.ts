import { describe, expect, test } from 'vitest'
import { useShared } from '../../support/shared-manager.ts'

/**
 * Each row of the contract's table of outcomes, in both languages, with real sandboxes. The time limit
 * has a file of its own.
 */
const { client } = useShared()

const ABSENT = {
  detail: null,
  resource_limit_type: null,
  unauthorized_access_type: null,
  runtime_error_type: null,
  artifacts: [],
  result: null,
}
const programError = (exit_code: number) => ({
  status: 'program_error',
  exit_code,
  runtime_error_type: 'nonzero_exit',
})
const signalled = (signal: number) => ({
  status: 'runtime_error',
  exit_code: 128 + signal,
  detail: expect.stringMatching(`signal ${signal} \\(SIG[A-Z]+\\)`),
  runtime_error_type: 'signalled',
})
const limit = (resource_limit_type: string, exit_code: number, words: string) => ({
  status: 'resource_limit_exceeded',
  exit_code,
  stderr: expect.stringMatching(`^${words.replace(/[()]/g, '\\$&')}`),
  resource_limit_type,
})
const MEMORY = limit('memory', -137, 'Memory limit exceeded (killed by OOM)')
const OUTPUT = {
  status: 'resource_limit_exceeded',
  resource_limit_type: 'output',
  stderr: expect.stringMatching(/^Output limit exceeded/),
  detail: expect.stringMatching(/(stdout|stderr|result) may have \d+ MiB/),
}
const denied = (unauthorized_access_type: string) => ({
  status: 'unauthorized_access',
  exit_code: 1,
  unauthorized_access_type,
})

type Row = readonly [what: string, code: string, expected: object, stderr?: RegExp]

const failures: Record<string, Row[]> = {
  python: [
    [
      'an exception',
      'print(1)\ndef main(): raise ValueError("no")',
      programError(1),
      /ValueError: no/,
    ],
    ['an exception at load', 'print(1)\n1 / 0', programError(1), /ZeroDivisionError/],
    ['a syntax error', 'def main(:\n  pass', programError(1), /SyntaxError/],
    ['no main', 'x = 1', programError(1), /main/],
    ['a main that is no function', 'main = 5', programError(1), /main/],
    ['wrong arguments', 'def main(a): pass', programError(1), /missing 1 required .*'a'/],
    ['an exit code', 'import sys\ndef main(): sys.exit(7)', programError(7)],
    ['an exit message', 'import sys\ndef main(): sys.exit("bye")', programError(1), /^bye\n$/],
    ['os._exit', 'import os\ndef main(): os._exit(9)', programError(9)],
    ['a segfault', 'import ctypes\ndef main(): ctypes.string_at(0)', signalled(11)],
    ['a signal to itself', 'import os\ndef main(): os.kill(os.getpid(), 15)', signalled(15)],
    ['a memory bomb', 'def main():\n  a = []\n  while True: a.append(bytearray(1 << 20))', MEMORY],
    [
      'a MemoryError',
      'def main(): raise MemoryError("big")',
      { ...limit('memory', 1, ''), stderr: expect.stringContaining('MemoryError: big') },
    ],
    ['an output flood', 'def main():\n  while True: print("x" * 10000)', OUTPUT],
    [
      'an output flood on stderr',
      'import sys\ndef main():\n  while True: sys.stderr.write("x" * 10000)',
      OUTPUT,
    ],
    ['a result that is too large', 'def main(): return "x" * (11 << 20)', OUTPUT],
    [
      'a file that may not be written',
      'def main(): open("/etc/passwd", "a")',
      denied('file_access'),
      /PermissionError/,
    ],
    [
      'a system call that is refused',
      'import os\ndef main(): os.setuid(0)',
      denied('disallowed_syscall'),
      /PermissionError/,
    ],
  ],
  nodejs: [
    [
      'an exception',
      'console.log(1)\nfunction main() { throw new TypeError("no") }',
      programError(1),
      /TypeError: no/,
    ],
    [
      'a rejection',
      'async function main() { throw new RangeError("no") }',
      programError(1),
      /RangeError: no/,
    ],
    [
      'something thrown that is no error',
      'function main() { throw "text" }',
      programError(1),
      /Uncaught 'text'/,
    ],
    ['an exception at load', 'console.log(1)\nnull.x', programError(1), /TypeError/],
    [
      'an exception nobody waits for',
      'function main() { setTimeout(() => { throw new Error("late") }); return new Promise(() => {}) }',
      programError(1),
      /Error: late/,
    ],
    ['a syntax error', 'function main( {', programError(1), /SyntaxError/],
    ['no main', 'const x = 1', programError(1), /main/],
    ['a main that is no function', 'const main = 5', programError(1), /main/],
    ['wrong arguments', 'function main({ a }) { return a.b }', programError(1), /TypeError/],
    [
      'a promise that never settles',
      'function main() { return new Promise(() => {}) }',
      programError(1),
      /never settle/,
    ],
    ['an exit code', 'function main() { process.exit(7) }', programError(7)],
    [
      'a segfault',
      'function main() { process.kill(process.pid, "SIGSEGV"); for (;;); }',
      signalled(11),
    ],
    ['an abort', 'function main() { process.abort() }', signalled(6)],
    [
      'a signal to itself',
      'function main() { process.kill(process.pid, "SIGTERM"); for (;;); }',
      signalled(15),
    ],
    [
      'a memory bomb',
      'function main() { const a = []; for (;;) a.push(Buffer.alloc(1 << 20, 1)) }',
      MEMORY,
    ],
    ['an output flood', 'function main() { for (;;) console.log("x".repeat(10000)) }', OUTPUT],
    [
      'an output flood on stderr',
      'function main() { for (;;) console.error("x".repeat(10000)) }',
      OUTPUT,
    ],
    ['a result that is too large', 'function main() { return "x".repeat(11 << 20) }', OUTPUT],
    [
      'a file that may not be written',
      'function main() { require("fs").writeFileSync("/etc/passwd", "") }',
      denied('file_access'),
      /EACCES|EROFS/,
    ],
    [
      'a system call that is refused',
      'function main() { process.setuid(0) }',
      denied('disallowed_syscall'),
      /EPERM/,
    ],
  ],
}

describe.concurrent.each(Object.entries(failures))('%s', (language, rows) => {
  const complete = rows.map(([what, code, expected, stderr]) => ({ what, code, expected, stderr }))
  test.each(complete)('$what', async ({ code, expected, stderr = /^/ }) => {
    const answer = await client.run(language, code)
    expect(answer).toMatchObject({ ...ABSENT, ...expected })
    expect(answer.stderr).toMatch(stderr)
    // RAGFlow takes what is on stdout for the result.
    expect(answer.stdout).toBe('')
    // What was printed first is there in every outcome; `print(1)` is what some of these begin with.
    const printed = /^(print\(1\)|console.log\(1\))/.test(code) ? /^1\n/ : /^/
    expect(answer.partial_stdout).toMatch(printed)
    expect(answer.time_used_ms).toBeGreaterThan(0)
    expect(answer.memory_used_kb).toBeGreaterThan(0)
  })
})

describe.concurrent.each([
  [
    'python',
    'import sys\ndef main(a):\n  print("out")\n  print("err", file=sys.stderr)\n  open("artifacts/a.csv", "w").write("x")\n  return {"twice": a * 2}',
  ],
  [
    'nodejs',
    'function main({ a }) {\n  console.log("out")\n  console.error("err")\n  require("fs").writeFileSync("artifacts/a.csv", "x")\n  return { twice: a * 2 }\n}',
  ],
])('%s: success', (language, code) => {
  test('has everything', async () => {
    expect(await client.run(language, code, { a: 21 })).toEqual({
      ...ABSENT,
      status: 'success',
      exit_code: 0,
      stdout: 'out\n',
      stderr: 'err\n',
      time_used_ms: expect.any(Number),
      memory_used_kb: expect.any(Number),
      partial_stdout: null,
      artifacts: [{ name: 'a.csv', mime_type: 'text/csv', size: 1, content_b64: 'eA==' }],
      result: { present: true, value: { twice: 42 }, type: 'json' },
    })
  })
})

describe.concurrent('ways to end well', () => {
  test.each([
    ['python', 'def main(): return None', null],
    ['python', 'async def main(): return 1', 1],
    ['python', 'main = lambda **rest: 1', 1],
    ['nodejs', 'function main() { return null }', null],
    ['nodejs', 'function main() {}', null],
    ['nodejs', 'async function main() {}', null],
    ['nodejs', 'async function main() { return 1 }', 1],
    ['nodejs', 'const main = () => 1', 1],
    ['nodejs', 'function main() { return 1 }\nmodule.exports = { main }', 1],
    [
      'nodejs',
      'function main() { return 1 }\nmodule.exports = { main }\nmodule.exports = { main }',
      1,
    ],
    ['nodejs', 'module.exports = () => 1', 1],
    ['nodejs', 'exports.main = async () => 1', 1],
    ['nodejs', 'function main() { setTimeout(() => {}, 20); return 1 }', 1],
  ])('%s: %s', async (language, code, value) => {
    const answer = await client.run(language, code)
    expect(answer).toMatchObject({ status: 'success', result: { present: true, value } })
  })

  test.each([
    ['python', 'import sys\ndef main():\n  print("out")\n  sys.exit(0)'],
    ['nodejs', 'function main() { console.log("out"); process.exit(0) }'],
  ])(
    '%s: an exit with 0 before there is a result is a success without one',
    async (language, code) => {
      const answer = await client.run(language, code)
      expect(answer).toMatchObject({
        status: 'success',
        exit_code: 0,
        stdout: 'out\n',
        result: null,
      })
    },
  )

  const cleanUp = "const clean = () => process.exit()\nprocess.on('exit', clean)\n"
  test.each([
    ['nodejs', `${cleanUp}function main() { setImmediate(clean); return 1 }`],
    ['nodejs', `${cleanUp}async function main() { return 1 }`],
    ['nodejs', 'const p = process\nfunction main() { setTimeout(() => p.exit(0), 50); return 1 }'],
    ['python', 'import os\ndef main():\n  os.close(200)\n  return 1'],
    ['python', 'import threading\ndef main():\n  threading.Timer(0.2, print).start()\n  return 1'],
    ['python', 'import _thread\ndef main():\n  _thread.start_new_thread(print, ())\n  return 1'],
  ])('%s: the result is there however the program ends after it: %s', async (language, code) => {
    const answer = await client.run(language, code)
    expect(answer).toMatchObject({ status: 'success', result: { value: 1 } })
  })
})

describe.concurrent('what was printed before a limit ended the program', () => {
  test.each([
    [
      'python',
      'import time\ndef main():\n  print("one")\n  time.sleep(0.5)\n  a = []\n  while True: a.append(bytearray(1 << 20))',
    ],
    [
      'nodejs',
      'function main() { console.log("one"); const a = []; for (;;) a.push(Buffer.alloc(1 << 20, 1)) }',
    ],
  ])('%s: %s', async (language, code) => {
    const answer = await client.run(language, code)
    expect(answer).toMatchObject({
      status: 'resource_limit_exceeded',
      stdout: '',
      partial_stdout: 'one\n',
    })
  })

  test('both streams come, up to the limit', async () => {
    const code = `import sys
def main():
  print("note", file=sys.stderr)
  for i in range(100_000): print("line", i, "x" * 30)`
    const answer = await client.run('python', code)
    expect(answer.resource_limit_type).toBe('output')
    expect(answer.partial_stdout).toMatch(/^line 0 x+\nline 1 /)
    expect(answer.partial_stdout?.length).toBe(1024 ** 2)
    expect(answer.stderr).toMatch(/^Output limit exceeded\nnote\n/)
  })
})
