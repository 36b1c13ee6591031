import { describe, expect, test } from 'vitest'
import { useManager } from '../support/manager.ts'
import { sample } from '../support/sample.ts'

sample(4)

/** The reference's rules to the letter: the same findings, in the same order, with the same words. */
const client = useManager({ codePolicy: 'strict', poolSize: 3 })

const REFUSED = {
  status: 'program_runner_error',
  exit_code: -999,
  stdout: '',
  detail: 'Code is unsafe',
  time_used_ms: null,
  memory_used_kb: null,
  resource_limit_type: null,
  unauthorized_access_type: null,
  partial_stdout: null,
  runtime_error_type: null,
  artifacts: [],
  result: null,
}

const python: [code: string, findings: string][] = [
  ['import os', 'Line 1: Import: os'],
  ['\nimport json, os.path, sys', 'Line 2: Import: os.path\nLine 2: Import: sys'],
  ['from subprocess import run', 'Line 1: From Import: subprocess'],
  ['eval("1")', 'Line 1: Call: eval'],
  ['x = [3]\nx.remove(3)', 'Line 2: Call: remove'],
  ['os.getcwd()', 'Line 1: Attribute Access: os.getcwd'],
  ['os.system("id")', 'Line 1: Call: system\nLine 1: Attribute Access: os.system'],
  ['x = 60 * 60', 'Line 1: Possible unsafe string concatenation'],
  ['def eval(x):\n  return x', 'Line 1: Function Definition: eval'],
  ['eval = exec = None', line(1, 'Assignment to dangerous variable', 'eval', 'exec')],
  ['f = lambda x: eval(x)', 'Line 1: Lambda with dangerous function call\nLine 1: Call: eval'],
  [
    '[eval(x) for x in []]',
    'Line 1: List comprehension with dangerous function call\nLine 1: Call: eval',
  ],
  [
    '[x for x in [eval("[]")]]',
    // What is in its generators is found twice.
    'Line 1: Call: eval\nLine 1: Call: eval',
  ],
  [
    '{eval(x) for x in []}',
    'Line 1: Set comprehension with dangerous function call\nLine 1: Call: eval',
  ],
  [
    '{eval(x): open(x) for x in []}',
    'Line 1: Dict comprehension with dangerous function call in key\nLine 1: Dict comprehension with dangerous function call in value\nLine 1: Call: eval\nLine 1: Call: open',
  ],
  ['def f():\n  yield eval("1")', 'Line 2: Yield with dangerous function call\nLine 2: Call: eval'],
  ['def main(:', 'Line -1: Parsing Error: invalid syntax (<unknown>, line 1)'],
]

const nodejs: [code: string, findings: string][] = [
  ["require('child_process')", 'Line 1: Require: child_process'],
  ['\n\nrequire ( `fs` )', 'Line 3: Require: fs'],
  ['const w = require("worker_threads")', 'Line 1: Require: worker_threads'],
  ['// eval (1)', 'Line 1: Call: eval'],
  ['new Function("x")', 'Line 1: Call: Function'],
  ['process . binding("fs")', 'Line 1: Call: process.binding'],
  [
    'eval(1)\nrequire("fs")\neval(2)',
    'Line 2: Require: fs\nLine 1: Call: eval\nLine 3: Call: eval',
  ],
]

function line(number: number, what: string, ...names: string[]): string {
  return names.map((name) => `Line ${number}: ${what}: ${name}`).join('\n')
}

describe.concurrent.each([
  ['python', python, 'print("ran")\n'],
  ['nodejs', nodejs, 'console.log("ran");'],
] as const)('%s', (language, cases, start) => {
  test.each(cases)('%s', async (code, findings) => {
    expect(await client.run(language, code)).toEqual({ ...REFUSED, stderr: findings })
  })

  test('code without a finding runs', async () => {
    const main = { python: 'def main(): return 1', nodejs: 'function main() { return 1 }' }[
      language
    ]
    const answer = await client.run(language, `${start}${main}`)
    expect(answer).toMatchObject({ status: 'success', stdout: 'ran\n', result: { value: 1 } })
  })
})

test.concurrent('a syntax error in JavaScript is none of the findings', async () => {
  const answer = await client.run('nodejs', 'function main( {')
  expect(answer).toMatchObject({ status: 'program_error', exit_code: 1 })
})

test.concurrent('bash has no rules', async () => {
  expect(await client.run('bash', 'eval "echo 1"')).toMatchObject({ status: 'success' })
})

test.concurrent('what has very many findings is told of the first of them', async () => {
  const { stderr, detail } = await client.run('python', 'import os\n'.repeat(5000))
  expect(detail).toBe('Code is unsafe')
  expect(stderr.split('\n')).toHaveLength(101)
  expect(stderr).toMatch(/^Line 1: Import: os\n[\s\S]*\n\.\.\. and 4900 more$/)
})
