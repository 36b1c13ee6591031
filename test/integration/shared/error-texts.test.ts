import { describe, expect, test } from 'vitest'
import { useShared } from '../../support/shared-manager.ts'

/** What a user reads of an error: their own lines, with the right numbers, and none of ours. */
const { client } = useShared()

async function stderrOf(language: string, code: string, args = {}): Promise<string> {
  const answer = await client.run(language, code, args)
  expect(answer.status).toBe('program_error')
  expect(answer.stderr).not.toContain('/.executor')
  expect(answer.stderr).not.toMatch(/runner\.(py|cjs|sh)/)
  expect(answer.stderr).not.toContain('hidden_modules')
  return answer.stderr
}

describe.concurrent('Python', () => {
  const python = (code: string, args = {}) => stderrOf('python', code, args)

  test('a traceback is what the interpreter prints for a file of this name', async () => {
    const code = 'def inner(x):\n    return 1 / x\n\ndef main(a):\n    return inner(a)\n'
    expect(await python(code, { a: 0 })).toBe(
      [
        'Traceback (most recent call last):',
        '  File "/workspace/main.py", line 5, in main',
        '    return inner(a)',
        '  File "/workspace/main.py", line 2, in inner',
        '    return 1 / x',
        '           ~~^~~',
        'ZeroDivisionError: division by zero',
        '',
      ].join('\n'),
    )
  })

  test('at load', async () => {
    const stderr = await python('x = 1\n\nraise KeyError("k")\n')
    expect(stderr).toMatch(/^Traceback .*\n {2}File "\/workspace\/main.py", line 3, in <module>\n/)
    expect(stderr.match(/File "/g)).toHaveLength(1)
  })

  test('a syntax error tells the line', async () => {
    const stderr = await python('x = 1\ndef main(:\n    pass\n')
    expect(stderr).toContain('File "/workspace/main.py", line 2\n    def main(:\n')
    expect(stderr).toContain('SyntaxError')
  })

  test('an error that was raised from another shows both', async () => {
    const code =
      'def main():\n  try:\n    1 / 0\n  except Exception as e:\n    raise ValueError("b") from e\n'
    const stderr = await python(code)
    expect(stderr).toContain('line 3, in main')
    expect(stderr).toContain('The above exception was the direct cause')
    expect(stderr).toContain('line 5, in main')
  })

  test('one raised while another was handled shows both', async () => {
    const stderr = await python(
      'def main():\n  try:\n    1 / 0\n  except Exception:\n    {}["k"]\n',
    )
    expect(stderr).toContain('ZeroDivisionError')
    expect(stderr).toContain('During handling of the above exception')
    expect(stderr).toContain("KeyError: 'k'")
  })

  test('a group of exceptions', async () => {
    const code =
      'def main():\n  try:\n    1 / 0\n  except Exception as e:\n    raise ExceptionGroup("g", [e, ValueError("v")])\n'
    const stderr = await python(code)
    expect(stderr).toContain('ExceptionGroup: g (2 sub-exceptions)')
    expect(stderr).toContain('ValueError: v')
  })

  test('in a library, its frames are shown', async () => {
    const stderr = await python('import json\ndef main(): json.loads("{")\n')
    expect(stderr).toContain('File "/workspace/main.py", line 2, in main')
    expect(stderr).toContain('/usr/lib/python3')
    expect(stderr).toContain('JSONDecodeError')
  })

  test('endless recursion', async () => {
    const stderr = await python('def main(): main()\n')
    expect(stderr).toContain('RecursionError')
    expect(stderr).toContain('File "/workspace/main.py", line 1, in main')
  })

  test('in a callback of a library that calls back', async () => {
    const code =
      'import asyncio\nasync def f(): raise ValueError("x")\ndef main(): asyncio.run(f())\n'
    expect(await python(code)).toContain('line 2, in f')
  })

  test('in an async main', async () => {
    const stderr = await python('async def main():\n  raise ValueError("x")\n')
    expect(stderr).toContain('File "/workspace/main.py", line 2, in main')
  })

  test('wrong arguments, no main: no frames that are not the user’s', async () => {
    for (const code of ['def main(a): pass', 'x = 1']) {
      expect(await python(code)).not.toContain('File "/usr')
    }
  })

  test('what a program prints of an exception itself', async () => {
    const code =
      'import sys, traceback\ndef main():\n  try: 1 / 0\n  except Exception: traceback.print_exc()\n  sys.exit(1)\n'
    expect((await python(code)).match(/File "/g)).toHaveLength(1)
  })
})

describe.concurrent('Node.js', () => {
  const node = (code: string, args = {}) => stderrOf('nodejs', code, args)

  test('a stack holds the user’s frames only', async () => {
    const code =
      'function inner(a) {\n  return a.b.c\n}\n\nfunction main(args) {\n  return inner(args)\n}\n'
    const stderr = await node(code)
    expect(stderr).toContain("TypeError: Cannot read properties of undefined (reading 'c')")
    expect(stderr.match(/^ +at .*$/gm)?.map((line) => line.trim())).toEqual([
      'at inner (/workspace/main.js:2:14)',
      'at main (/workspace/main.js:6:10)',
    ])
  })

  test('a rejection after a wait', async () => {
    const code =
      'async function main() {\n  await new Promise((r) => setTimeout(r, 5))\n  throw new RangeError("late")\n}\n'
    expect(await node(code)).toContain('main.js:3:9')
  })

  test('at load', async () => {
    const stderr = await node('const a = 1\n\nthrow new Error("x")\n')
    expect(stderr).toContain('/workspace/main.js:3:7')
    expect(stderr).not.toContain('node:internal')
  })

  test('a syntax error tells file and line', async () => {
    const stderr = await node('const a = 1\nfunction main( {\n  return 1\n}\n')
    expect(stderr).toMatch(/\/workspace\/main\.js:[23]/)
    expect(stderr).toContain('SyntaxError')
    expect(stderr).not.toContain('module.main')
  })

  test('an unfinished source is told as such, without the line that is added to it', async () => {
    const stderr = await node('function main() {\n')
    expect(stderr).toContain('SyntaxError')
    expect(stderr).not.toContain('module.main')
  })

  test('the cause of an error', async () => {
    const code = 'function main() {\n  throw new Error("outer", { cause: new Error("inner") })\n}\n'
    const stderr = await node(code)
    expect(stderr).toContain('Error: outer')
    expect(stderr).toContain('[cause]: Error: inner')
  })

  test('in a library', async () => {
    const code = 'function main() {\n  require("axios").create(null).getUri({ url: 5 }).x.y\n}\n'
    expect(await node(code)).toContain('/workspace/main.js:2')
  })

  test('endless recursion', async () => {
    const stderr = await node('function main() { return main() }\n')
    expect(stderr).toContain('RangeError: Maximum call stack size exceeded')
  })

  test('an error in a timer', async () => {
    const code =
      'function main() {\n  return new Promise(() => {\n    setTimeout(() => { throw new Error("t") }, 1)\n  })\n}\n'
    expect(await node(code)).toContain('main.js:3')
  })

  test('a property that throws when it is read does no harm', async () => {
    const code =
      'function main() { const e = new Error("x"); Object.defineProperty(e, "stack", { get() { throw 1 } }); throw e }'
    await node(code)
  })
})

test.concurrent('bash names its script and line', async () => {
  const answer = await client.run('bash', 'true\nfalse || no-such-command\nexit 3\n')
  expect(answer).toMatchObject({ status: 'program_error', exit_code: 3 })
  expect(answer.stderr).toMatch(/^(.\/)?main\.sh: line 2: no-such-command: command not found\n$/)
})
