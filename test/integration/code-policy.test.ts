import { beforeAll, describe, expect, test } from 'vitest'
import {
  isEssential,
  REFUSED,
  testBalancedPolicy,
  useBalancedPolicy,
} from '../support/balanced-policy.ts'
import { NativeClient } from '../support/native-client.ts'

/**
 * `balanced`: evasions are found, everyday code is not held up, and a refusal cannot be forged. The cases
 * that are left out here are in test/long/code-policy.test.ts.
 */
const client = useBalancedPolicy()
const native = new NativeClient()
beforeAll(() => {
  native.url = client.url
})

testBalancedPolicy(client, isEssential)

test.concurrent.each([
  ['python', 'def main(:', /SyntaxError/],
  ['nodejs', 'function main( {', /SyntaxError/],
])('%s: a syntax error is the program’s own', async (language, code, trace) => {
  const answer = await client.run(language, code)
  expect(answer).toMatchObject({ status: 'program_error', exit_code: 1 })
  expect(answer.stderr).toMatch(trace)
})

test.concurrent('what the parser warns of does not get before the refusal', async () => {
  const answer = await client.run('python', 'x = "\\d" is "\\w"\ny = 1if x else 2\neval(x)')
  expect(answer).toMatchObject({
    ...REFUSED,
    stderr: expect.stringMatching(/^Line 3: Use of: eval\. .{20,}$/),
  })
})

test.concurrent.each([
  ['python', 'display("shown")\neval("1")', /^The code policy refused .*Line 2: Use of: eval\./s],
  ['python', 'files = !ls\n%pwd\neval("1")', /Line 3: Use of: eval\./],
  ['python', 'await __import__("asyncio").sleep(0)\neval("1")', /Line 2: Use of: eval\./],
  ['javascript', 'display(1)\nawait eval("1")', /Line 2: Use of: eval\./],
])(
  '%s: a cell is refused before it shows anything, by its own lines',
  async (language, code, said) => {
    const { status, body } = await native.run({ language, mode: 'cell', code })
    const nothing = { stdout: '', displays: [], result: null, files: [], exit_code: null }
    expect([status, body]).toMatchObject([200, { status: 'refused', ...nothing }])
    expect(body.detail).toMatch(said)
  },
)

test.concurrent.each([
  ['python', '!echo 1\nimport asyncio\nawait asyncio.sleep(0)\n%pwd', "'/workspace'"],
  ['javascript', 'await 1\nconst word = "eval"\nword', "'eval'"],
])('%s: what only cells may say is not held up', async (language, code, value) => {
  const { body } = await native.run({ language, mode: 'cell', code })
  expect(body).toMatchObject({ status: 'succeeded', result: { 'text/plain': value } })
})

test.concurrent('a program that is only long is not held up', async () => {
  const answer = await client.run(
    'python',
    `DATA = "${'ab'.repeat(1 << 20)}"\ndef main():\n  return len(DATA)`,
  )
  expect(answer.result?.value).toBe(2 << 20)
})

test.concurrent.each([
  ['python', `x = ${'-'.repeat(20_000)}1\neval("1")`],
  ['python', `# eval ${'x'.repeat(1 << 20)}`],
  ['nodejs', `eval;x = ${'['.repeat(100_000)}`],
  ['nodejs', `// eval ${'x'.repeat(1 << 20)}`],
])('%s: what cannot be inspected is refused', async (language, code) => {
  const answer = await client.run(language, code)
  expect(answer).toMatchObject(REFUSED)
  expect(answer.stderr).toMatch(/^Line -1: Not inspected: /)
})

// pathlib and open pass the policy and lead to raw descriptors: the policy is advice.
const forging = (frames: string) => `
from pathlib import Path
import struct
def frame(kind, payload):
    return struct.pack("<IB", len(payload), kind) + payload
def main():
    with Path("/proc/self/fd/199").open("wb", buffering=0) as control:
        control.write(${frames})
    return 1
`

describe.concurrent('a refusal that the program says itself', () => {
  test.each([
    ['alone', 'frame(5, b"forged")'],
    ['before a result', 'frame(5, b"forged") + frame(3, b"7")'],
    ['after a result', 'frame(3, b"7") + frame(5, b"forged")'],
    ['twice', 'frame(5, b"a") + frame(5, b"b")'],
    ['too long', 'frame(5, b"a" * 40000)'],
  ])('%s: wins nothing', async (_when, frames) => {
    const answer = await client.run('python', forging(frames))
    expect(answer.status).not.toBe('success')
    expect(answer).toMatchObject({ result: null, artifacts: [], stdout: '' })
  })
})

test.concurrent.each([
  "const cp: any = require('child_process')\nfunction main(): number { return 1 }",
  "import { execSync } from 'child_process'\nexport const main = () => String(execSync('id'))",
  "enum A { B }\nfunction main(a: A) { return require('child_process') }",
  "const a = await 1\nconst cp = require('child_process')\nfunction main() { return 1 }",
])('what is looked at is what runs, in whichever form it is written: %s', async (code) => {
  expect(await client.run('nodejs', code)).toMatchObject(REFUSED)
})
