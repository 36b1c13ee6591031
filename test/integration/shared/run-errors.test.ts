import { expect, test } from 'vitest'
import { requestWith } from '../../support/run-request.ts'
import { useShared } from '../../support/shared-manager.ts'

/** What an outcome says of the error that ended a program. */
const { runs } = useShared()
const { signal } = new AbortController()

async function errorOf(template: string, code: string) {
  const program = { mode: 'script' as const, code: Buffer.from(code) }
  const outcome = await runs.start(requestWith({ template, program }), { signal })
  expect(outcome).toMatchObject({ end: 'exit', exitCode: 1 })
  // It is what was printed, to the end.
  const traceback = outcome.error?.traceback.trimEnd() ?? ''
  expect(outcome.stderr.toString().trimEnd().endsWith(traceback)).toBe(true)
  return outcome.error
}

test.each([
  ['an error', 'x = 1\nraise ValueError("no\\nsecond")', 'ValueError', 'no\nsecond', 2],
  ['a key', '{}["k"]', 'KeyError', "'k'", 1],
  ['a class of its own', 'class Own(Exception): pass\nraise Own("x: y")', 'Own', 'x: y', 2],
  ['a library', 'import json\n\njson.loads("[")', 'JSONDecodeError', /^Expecting value/, 3],
  ['a syntax', 'x = 1\ndef f(:\n  pass', 'SyntaxError', 'invalid syntax', 2],
  ['nothing to say', 'raise ValueError', 'ValueError', '', 1],
])('Python: %s', async (_what, code, name, message, line) => {
  const error = await errorOf('python', code)
  expect(error).toMatchObject({
    name,
    message: message instanceof RegExp ? expect.stringMatching(message) : message,
    line,
  })
  expect(error?.traceback).toContain(name)
})

test.each([
  ['an error', 'let x = 1\nthrow new TypeError("no\\nsecond")', 'TypeError', 'no\nsecond', 2],
  ['a library', '\n\nrequire("fs").readFileSync("none")', 'Error', /^ENOENT/, 3],
  ['what is no error', 'throw "text"', 'string', '', null],
])('Node.js: %s', async (_what, code, name, message, line) => {
  expect(await errorOf('nodejs', code)).toMatchObject({
    name,
    message: message instanceof RegExp ? expect.stringMatching(message) : message,
    line,
  })
})

test('an error is printed once', async () => {
  const code =
    'class E(Exception):\n  def __str__(self):\n    print("said")\n    return "m"\nraise E'
  const program = { mode: 'script' as const, code: Buffer.from(code) }
  const outcome = await runs.start(requestWith({ program }), { signal })
  expect(outcome.error).toMatchObject({ name: 'E', message: 'm', line: 5 })
  expect(outcome.stdout.toString()).toBe('said\n')
})

test('a long one is told by its end', async () => {
  const error = await errorOf('python', 'raise ValueError("é" * 100_000)')
  expect(error?.message).toBe('é'.repeat(1000))
  expect(error?.traceback).toHaveLength(4000)
})
