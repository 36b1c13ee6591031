import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { runCommand } from '../support/command-line.ts'
import { freePort, startService } from '../support/service.ts'
import { JOBE_CASES } from './jobe-cases.ts'
import { atEnd, KEY, url } from './service.ts'

/** The key that testsubmit.py sends. */
const THEIR_KEY = '2AAA7A5415B4A9B394B54BF1D2E9D'

describe('jobe', () => {
  // testsubmit.py of https://github.com/trampgeek/jobe: it is in no registry.
  const script = process.env.JOBE_TESTS ?? ''
  describe.skipIf(script === '')('testsubmit.py of Jobe 2.2.2', () => {
    test('each case passes, or does not apply', async () => {
      const source = readFileSync(script, 'utf8')
      const names = [...source.matchAll(/^\s*'comment': (?:'(.*)'|"(.*)"),$/gm)]
      const listed = names.map(([, single, double]) => single ?? (double as string))
      // One more is made up by a function.
      expect(listed.filter((name) => name !== 'C program run with illegal cputime')).toEqual(
        Object.keys(JOBE_CASES),
      )
      const port = String(await freePort())
      const env = {
        SANDBOX_EXECUTOR_MANAGER_PORT: port,
        EXECUTOR_MANAGER_API_KEYS: `jobe:${THEIR_KEY}`,
        // A case computes for 10 s, and asks for 15.
        SANDBOX_TIMEOUT: '60s',
      }
      const service = await startService(env, [], undefined, atEnd)
      const words = [script, '--host', '127.0.0.1', '--port', port, 'python3', 'nodejs']
      const end = await runCommand('python3', words)
      const passed = end.stdout
        .split('\n')
        .flatMap((line) => (line.endsWith(' OK') ? [line.slice(0, -' OK'.length)] : []))
      service.kill('SIGTERM')
      expect(await service.ended()).toBe(0)
      const expected = Object.entries(JOBE_CASES).filter(([, said]) => said === 'passes')
      expect(passed, end.stdout).toEqual(expected.map(([name]) => name))
    }, 600_000)
  })

  describe('client of our own', () => {
    const ask = async (method: string, path: string, body?: object) => {
      const answer = await fetch(`${url.service}/jobe/index.php/restapi${path}`, {
        method,
        headers: { 'x-api-key': KEY, ...(body && { 'content-type': 'application/json' }) },
        ...(body && { body: JSON.stringify(body) }),
      })
      const text = await answer.text()
      return { status: answer.status, body: text === '' ? null : JSON.parse(text) }
    }
    const run = async (language_id: string, sourcecode: string, more: object = {}) =>
      ask('POST', '/runs', { run_spec: { language_id, sourcecode, ...more } })

    test('the languages are there', async () => {
      const { body } = await ask('GET', '/languages')
      expect(body.map(([name]: string[]) => name)).toEqual(['nodejs', 'python3'])
    })

    test('a program finds its input, arguments and files', async () => {
      const id = '0123456789abcdef'
      const file_contents = Buffer.from('42').toString('base64')
      const more = {
        ...{ file_list: [[id, 'data.txt']], input: 'in' },
        parameters: { runargs: ['a'], cputime: 5, memorylimit: 1_000_000 },
      }
      const code = 'import sys\nprint(open("data.txt").read(), input(), sys.argv[1:])'
      expect((await run('python3', code, more)).status).toBe(404)
      expect((await ask('PUT', `/files/${id}`, { file_contents })).status).toBe(204)
      const { body } = await run('python3', code, more)
      expect(body).toMatchObject({ outcome: 15, stdout: "42 in ['a']\n", stderr: '', cmpinfo: '' })
      expect((await run('nodejs', 'console.log(6 * 7)')).body.stdout).toBe('42\n')
    })

    test('errors of syntax, of the program and of its time are told apart', async () => {
      const syntax = (await run('python3', 'print(')).body
      expect(syntax).toMatchObject({ outcome: 11, stdout: '', stderr: '' })
      expect(syntax.cmpinfo).toContain('SyntaxError')
      const failed = (await run('python3', 'print("before")\n1 / 0')).body
      expect(failed).toMatchObject({ outcome: 12, stdout: 'before\n', cmpinfo: '' })
      expect(failed.stderr).toContain('ZeroDivisionError')
      const inside = (await run('python3', 'exec("print(")')).body
      expect(inside).toMatchObject({ outcome: 12, cmpinfo: '' })
      const slow = (await run('python3', 'while True: pass', { parameters: { cputime: 1 } })).body
      expect(slow).toMatchObject({ outcome: 13 })
    })
  })
})
