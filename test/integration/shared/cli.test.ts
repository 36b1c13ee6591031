import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { type CommandOptions, commandLine } from '../../support/command-line.ts'
import { useShared } from '../../support/shared-manager.ts'

/** The command line against real sandboxes. */

const { client: manager } = useShared()
const folder = mkdtempSync(path.join(tmpdir(), 'command-line-'))
afterAll(() => rmSync(folder, { recursive: true }))

function executorManager(words: readonly string[], options: CommandOptions = {}) {
  const env = { EXECUTOR_MANAGER_URL: manager.url, HOME: folder, ...options.env }
  return commandLine(words, { cwd: folder, ...options, env })
}

function write(name: string, text: string): string {
  writeFileSync(path.join(folder, name), text)
  return name
}

describe('run', () => {
  test('arguments, variables, stdin and files reach the program, and its own come back', async () => {
    const program = write(
      'all.py',
      `import os, sys
print(sys.argv[1:], os.environ["A"], os.environ["B"], sys.stdin.read(), open("in/data.csv").read())
print("aside", file=sys.stderr)
os.makedirs("made")
open("made/b.bin", "wb").write(bytes(range(256)))
sys.exit(3)`,
    )
    write('data.csv', '1,2')
    const words = ['run', program, '--arg', 'one', '--env', 'A=x=y', '--env', 'B', '--stdin', '-']
    const files = ['--file', 'data.csv:in/data.csv', '--out', 'back', '--', 'two', '--three']
    const env = { B: 'here' }
    const end = await executorManager([...words, ...files], { env, input: 'typed' })
    expect(end.stdout).toBe("['one', 'two', '--three'] x=y here typed 1,2\n")
    expect(end.stderr).toBe('aside\nexecutor-manager: made/b.bin (256 B) is in back/made/b.bin\n')
    expect(end.code).toBe(3)
    const back = readFileSync(path.join(folder, 'back/made/b.bin'))
    expect([...back]).toEqual(Array.from({ length: 256 }, (_, index) => index))
  })

  test.each([
    ['js', 'console.log(1)'],
    ['ts', 'const n: number = 1; console.log(n)'],
    ['sh', 'echo $((3 - 2))'],
    ['py', 'print(1)'],
  ])('the language of .%s is told by the extension', async (extension, code) => {
    const end = await executorManager(['run', write(`one.${extension}`, code)])
    expect(end).toEqual({ code: 0, stdout: '1\n', stderr: '' })
  })

  test('a program from stdin names its language in the first line', async () => {
    const input = '#!/usr/bin/env python3.11\nprint(2)'
    expect(await executorManager(['run', '-'], { input })).toMatchObject({ stdout: '2\n' })
    const unknown = await executorManager(['run', '-'], { input: 'print(2)' })
    expect(unknown.code).toBe(2)
    expect(unknown.stderr).toContain('--language')
  })

  test('a cell tells what it shows', async () => {
    write('cell.py', 'print(1)\ndisplay(2)\n"a" * 2')
    const end = await executorManager(['run', 'cell.py', '--mode', 'cell'])
    expect(end).toEqual({ code: 0, stdout: "1\n2\n'aa'\n", stderr: '' })
  })

  test('main is called with arguments, and no number loses a digit', async () => {
    write('f.py', 'def main(n):\n  return {"next": n + 1}')
    const words = ['run', 'f.py', '--arguments', '{"n": 123456789012345678901234567890}']
    expect(await executorManager(words)).toEqual({
      code: 0,
      stdout: '{"next":123456789012345678901234567891}\n',
      stderr: '',
    })
  })

  test('output comes while the program runs, and a signal cancels the run', async () => {
    write('live.py', 'import time\nprint("first", flush=True)\ntime.sleep(15)')
    const end = await executorManager(['run', 'live.py'], {
      onOutput: (text, kill) => text.includes('first') && kill('SIGINT'),
    })
    expect(end).toEqual({ code: 130, stdout: 'first\n', stderr: '' })
  })

  test.each([
    ['its time', 'while True: pass', ['--limit', 'wall=0.5s'], 124, 'time limit'],
    ['its memory', 'x = bytearray(500 << 20)', [], 137, 'memory limit'],
    ['its output', 'while True: print("y" * 1000)', ['--limit', 'output=2k'], 153, 'wrote more'],
    ['a signal', 'import os; os.kill(os.getpid(), 11)', [], 139, 'SIGSEGV'],
  ])(
    'a program that %s ended has an exit code of its own',
    async (name, code, words, exit, said) => {
      write(`${name.slice(-4)}.py`, code)
      const end = await executorManager(['run', `${name.slice(-4)}.py`, ...words])
      expect(end.stderr).toContain(said)
      expect(end.code).toBe(exit)
    },
  )

  test('--json gives the outcome, and with --out where the files are', async () => {
    write('json.py', 'open("a.txt", "w").write("x")')
    const plain = JSON.parse((await executorManager(['run', 'json.py', '--json'])).stdout)
    expect(plain).toMatchObject({ status: 'succeeded', files: [{ content_base64: 'eA==' }] })
    const saved = await executorManager(['run', 'json.py', '--json', '--out', 'o'])
    expect(JSON.parse(saved.stdout).files).toEqual([
      { path: 'a.txt', size: 1, media_type: 'text/plain', saved_as: 'o/a.txt' },
    ])
  })

  test('what the service refuses is told in its words', async () => {
    const end = await executorManager(['run', write('x.py', ''), '--limit', 'wall=20m'])
    expect(end).toMatchObject({
      code: 125,
      stderr: expect.stringContaining('limits.wall_ms: is at most'),
    })
  })
})

test('templates and status', async () => {
  const templates = await executorManager(['templates'])
  expect(templates.stdout).toMatch(/^python \d[\s\S]*numpy/m)
  const one = JSON.parse((await executorManager(['templates', 'bash', '--json'])).stdout)
  expect(one.templates).toMatchObject([{ name: 'bash' }])
  expect((await executorManager(['templates', 'cobol'])).stderr).toContain('there are bash')
  expect((await executorManager(['status'])).stdout).toMatch(/^ok, version /)
})
