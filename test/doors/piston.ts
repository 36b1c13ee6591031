import { beforeAll, describe, expect, test } from 'vitest'
import { type NpmPackage, npmPackage } from '../support/npm-package.ts'
import { atEnd, KEY, url } from './service.ts'

describe('piston', () => {
  describe('piston-client 1.0.2', () => {
    let client: NpmPackage
    beforeAll(async () => {
      client = await npmPackage('piston-client@1.0.2', atEnd)
    }, 600_000)
    /** What it is answered to calls of its methods. */
    const calls = async (...all: [method: string, ...args: unknown[]][]) => {
      // It sends no key: the address has it.
      const end = await client.runModule(
        `import piston from 'piston-client'
        const client = piston({ server: '${url.service}/k/${KEY}' })
        for (const [method, ...args] of ${JSON.stringify(all)}) {
          console.log('ANSWER ' + JSON.stringify(await client[method](...args)))
        }`,
      )
      const answers = end.stdout.split('\n').filter((line) => line.startsWith('ANSWER '))
      return answers.map((line) => JSON.parse(line.slice(7)))
    }

    test('the runtimes are there', async () => {
      const [runtimes] = await calls(['runtimes'])
      const names = runtimes.map(({ language }: { language: string }) => language)
      expect(names).toEqual(['python', 'javascript', 'typescript', 'bash'])
    })

    test('Python, JavaScript, TypeScript and bash run', async () => {
      const answers = await calls(
        ['execute', 'python', 'import sys\nprint(sys.argv[1:], input())', { stdin: 'in' }],
        ['execute', 'javascript', 'console.log(process.argv.slice(2).join())'],
        ['execute', 'typescript', 'const a: number = 42; console.log(a)'],
        ['execute', 'bash', 'echo $1 >&2'],
      )
      expect(answers.map(({ run }) => run.output)).toEqual([
        "['1', '2', '3'] in\n",
        '1,2,3\n',
        '42\n',
        '1\n',
      ])
    })

    test('a program finds the files beside it', async () => {
      const main = 'import helper\nprint(helper.x, open("data.txt").read())'
      const files = [
        { name: 'main.py', content: main },
        { name: 'helper.py', content: 'x = 42' },
        { name: 'data.txt', content: 'aGk=', encoding: 'base64' },
      ]
      const [{ run }] = await calls(['execute', { language: 'py', version: '3.10.0', files }])
      expect(run).toMatchObject({ stdout: '42 hi\n', code: 0, status: null, signal: null })
    })

    test('an error, a signal and a time limit are told', async () => {
      const [failed, killed, slow, unknown] = await calls(
        ['execute', 'python', 'print("before")\n1 / 0'],
        ['execute', 'bash', 'kill -SEGV $$'],
        ['execute', 'python', 'while True: pass', { runTimeout: 1000 }],
        ['execute', 'cobol', 'x', { version: '*' }],
      )
      expect(failed.run).toMatchObject({ status: 'RE', code: 1, stdout: 'before\n' })
      expect(failed.run.stderr).toContain('ZeroDivisionError')
      expect(killed.run).toMatchObject({ status: 'SG', signal: 'SIGSEGV' })
      expect(slow.run).toMatchObject({ status: 'TO', signal: 'SIGKILL' })
      expect(unknown).toEqual({ message: 'cobol-* runtime is unknown' })
    })
  })

  describe('client of our own, prefix "/api/v2/piston"', () => {
    test('a program runs with the header of a key', async () => {
      const answer = await fetch(`${url.service}/api/v2/piston/execute`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: KEY },
        body: JSON.stringify({
          language: 'js',
          version: '18.15.0',
          files: [{ content: 'console.log(42)' }],
        }),
      })
      expect(await answer.json()).toMatchObject({ language: 'javascript', run: { output: '42\n' } })
    })
  })
})
