import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { runCommand } from '../support/command-line.ts'
import { makePython } from '../support/python.ts'
import { atEnd, KEY, OTHER, url } from './service.ts'

const HEAD =
  'import json, judge0\ndef tell(*all):\n    print("ANSWER " + json.dumps([[s.status.value, s.stdout, s.stderr] for s in all]))\n'

describe('judge0', () => {
  describe('judge0 0.0.8 of PyPI', () => {
    let python: string
    beforeAll(async () => {
      const folder = mkdtempSync(path.join(tmpdir(), 'judge0-'))
      atEnd(async () => rmSync(folder, { recursive: true, force: true }))
      python = await makePython(folder, ['judge0==0.0.8'])
    }, 600_000)
    /** What a program with the client tells of its submissions: status, stdout, stderr. */
    const told = async (source: string) => {
      const env = {
        JUDGE0_CE_ENDPOINT: url.service,
        JUDGE0_CE_AUTH_HEADERS: JSON.stringify({ 'X-Auth-Token': KEY }),
      }
      const end = await runCommand(python, ['-c', HEAD + source], { env })
      expect(end.stderr).not.toContain('Error')
      const answers = end.stdout.split('\n').filter((line) => line.startsWith('ANSWER '))
      return answers.flatMap((line) => JSON.parse(line.slice(7)))
    }

    test('Python, JavaScript, TypeScript and bash run, by their names and ids', async () => {
      const source = `
for language, code in (
    (judge0.PYTHON, "print(6 * 7, input())"), (100, "print(6 * 7, input())"),
    (judge0.JAVASCRIPT, "console.log(6 * 7)"), (102, "console.log(6 * 7)"),
    (judge0.TYPESCRIPT, "const a: number = 6 * 7; console.log(a)"),
    (judge0.BASH, "echo $((6 * 7))"),
):
    tell(judge0.run(source_code=code, language=language, stdin="in"))`
      const answers = await told(source)
      const output = [...Array(2).fill('42 in\n'), ...Array(4).fill('42\n')]
      expect(answers).toEqual(output.map((said) => [3, said, null]))
    })

    test('test cases are judged', async () => {
      const source = `
cases = [judge0.TestCase(i, o) for i, o in (("1", "2"), ("2", "3"), ("x", ""))]
tell(*judge0.run(source_code="print(int(input()) * 2)", language=judge0.PYTHON, test_cases=cases))`
      const answers = await told(source)
      expect(answers.map(([status]) => status)).toEqual([3, 4, 11])
      expect(answers[2][2]).toContain('ValueError')
    })

    test('an error, a signal and a time limit are told', async () => {
      const source = `
tell(judge0.run(source_code="print('before'); 1 / 0", language=judge0.PYTHON))
tell(judge0.run(source_code="kill -SEGV $$", language=judge0.BASH))
tell(judge0.run(source_code="while True: pass", language=judge0.PYTHON, wall_time_limit=1))`
      const answers = await told(source)
      expect(answers.map(([status]) => status)).toEqual([11, 7, 5])
      expect(answers[0][1]).toBe('before\n')
    })

    test('many are submitted, waited for and read', async () => {
      const source = `
all = [judge0.Submission(source_code=f"print({i})", language=judge0.PYTHON) for i in range(25)]
tell(*judge0.wait(submissions=judge0.async_run(submissions=all)))`
      const answers = await told(source)
      expect(answers).toEqual(Array.from({ length: 25 }, (_, i) => [3, `${i}\n`, null]))
    })
  })

  describe('client of our own', () => {
    const ask = (at: string, key: string, body?: object) =>
      fetch(`${url.service}${at}`, {
        method: body ? 'POST' : 'GET',
        headers: { 'content-type': 'application/json', 'x-auth-token': key },
        ...(body && { body: JSON.stringify(body) }),
      })

    test.each(['', '/judge0', `/k/${KEY}`])('waits for the result, prefix "%s"', async (prefix) => {
      const body = { language_id: 71, source_code: 'print(6 * 7)', expected_output: '42' }
      const key = prefix.startsWith('/k/') ? 'of-another-system' : KEY
      const answer = await ask(`${prefix}/submissions?wait=true`, key, body)
      expect(answer.status).toBe(201)
      const said = (await answer.json()) as { token: string }
      expect(said).toMatchObject({ stdout: '42\n', status: { id: 3 } })
      expect((await ask(`/submissions/${said.token}`, OTHER)).status).toBe(404)
    })
  })
})
