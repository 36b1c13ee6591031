import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { runCommand } from '../support/command-line.ts'
import { type DifyTarget, executeCode, executeTemplate } from '../support/dify-client.ts'
import { makePython } from '../support/python.ts'
import { atEnd, KEY, url } from './service.ts'

/** What Dify's code executor imports, of the many packages that the rest of its API needs. */
const NEEDED = [
  ...['pytest', 'httpx[socks]', 'pydantic', 'pydantic-settings', 'pydantic-extra-types', 'yarl'],
  ...['python-dotenv', 'pyyaml', 'jinja2', 'packaging', 'tomli', 'flask', 'requests'],
]

describe('dify', () => {
  describe.each(['', '/dify', '/k/KEY'])('client of our own, prefix "%s"', (prefix) => {
    // A key in the path must do without one in the header.
    const target = (): DifyTarget => {
      const endpoint = url.service + prefix.replace('KEY', KEY)
      return { endpoint, key: prefix.startsWith('/k/') ? 'dify-sandbox' : KEY }
    }

    test('code prints', async () => {
      expect(await executeCode(target(), 'python3', 'print("Hello World")')).toBe('Hello World\n')
      const js = 'console.log(JSON.stringify({ Hello: "World" }))'
      expect(await executeCode(target(), 'nodejs', js)).toBe('{"Hello":"World"}\n')
    })

    test('a Python node gets its inputs and gives its outputs', async () => {
      const code = 'def main(arg1: int, arg2: str) -> dict:\n    return {"result": arg2 * arg1}'
      const inputs = { arg1: 3, arg2: 'ü"\n' }
      expect(await executeTemplate(target(), 'python3', code, inputs)).toEqual({
        result: 'ü"\nü"\nü"\n',
      })
    })

    test('a JavaScript node gets its inputs and gives its outputs', async () => {
      const code = 'function main({arg1, arg2}) { return { result: arg2.repeat(arg1) } }'
      const inputs = { arg1: 3, arg2: 'ü"\n' }
      expect(await executeTemplate(target(), 'javascript', code, inputs)).toEqual({
        result: 'ü"\nü"\nü"\n',
      })
    })

    test('a template is rendered', async () => {
      const inputs = { name: 'ü', list: [1, 2] }
      const text = 'Hello {{ name }}{% for x in list %} {{ x }}{% endfor %}'
      expect(await executeTemplate(target(), 'jinja2', text, inputs)).toBe('Hello ü 1 2')
    })

    test('pandas and numpy can be imported', async () => {
      const code =
        'import numpy, pandas\ndef main(): return {"n": int(pandas.Series([1, 2]).sum())}'
      expect(await executeTemplate(target(), 'python3', code, {})).toEqual({ n: 3 })
    })

    test('a warning is no error; an error has its code and its cause', async () => {
      const warns = 'import sys\nprint("careful", file=sys.stderr)\nprint(1)'
      expect(await executeCode(target(), 'python3', warns)).toBe('1\n')
      await expect(executeCode(target(), 'python3', 'raise ValueError("no")')).rejects.toThrow(
        /^process exited with code 1\n[\s\S]*ValueError: no/,
      )
      await expect(executeCode(target(), 'nodejs', 'while (true) {}')).rejects.toThrow(
        'process exited with code -1\nerror: timeout\n',
      )
    })
  })

  // A checkout of https://github.com/langgenius/dify: it is in no registry.
  const checkout = process.env.DIFY
  describe.skipIf(!checkout)("tests of Dify's own code executor", () => {
    let python: string
    beforeAll(async () => {
      const folder = mkdtempSync(path.join(tmpdir(), 'dify-'))
      atEnd(async () => rmSync(folder, { recursive: true, force: true }))
      python = await makePython(folder, NEEDED)
    }, 600_000)

    test.each(['python3', 'javascript', 'jinja2', 'executor'])('test_code_%s.py', async (name) => {
      const tests = `tests/integration_tests/workflow/nodes/code_executor/test_code_${name}.py`
      // Its conftest.py makes the whole application, with a database. Two older tests ask a public host.
      const words = ['--noconftest', '-c', '/dev/null', '-k', 'not httpx and not requests', tests]
      const env = {
        PYTHONPATH: '.',
        CODE_EXECUTION_ENDPOINT: url.service,
        CODE_EXECUTION_API_KEY: KEY,
        MOCK_SWITCH: 'false',
      }
      const cwd = `${checkout}/api`
      const end = await runCommand(python, ['-m', 'pytest', ...words], { env, cwd })
      expect([end.code, end.stdout]).toEqual([0, expect.stringMatching(/\d+ passed/)])
    })
  })
})
