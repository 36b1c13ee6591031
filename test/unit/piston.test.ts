import { describe, expect, test } from 'vitest'
import { satisfies } from '../../src/api/piston/versions.ts'
import { readConfig } from '../../src/config.ts'
import type { RunEvent } from '../../src/run/types.ts'
import { FakeRuns, outcomeWith, useDoors } from '../support/door.ts'

/** The door for Piston's clients over runs that never happen. */
const runs = new FakeRuns()
const door = useDoors(runs)
const { limits } = readConfig({})

async function execute(body: object, path = '/api/v2/execute') {
  const answer = await fetch(door.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  const text = await answer.text()
  return { status: answer.status, body: JSON.parse(text) }
}
const RUN = { language: 'python', version: '3.10.0', files: [{ content: 'print(1)' }] }

test('the runtimes are those that are here', async () => {
  const runtime = {
    language: 'python',
    version: '3.11.2',
    aliases: ['py', 'py3', 'python3', 'python3.11'],
  }
  for (const prefix of ['/api/v2', '/api/v2/piston', '/piston/api/v2']) {
    const answer = await fetch(`${door.url}${prefix}/runtimes`)
    expect(await answer.json()).toEqual([runtime])
  }
  const packages = await fetch(`${door.url}/api/v2/packages`)
  const listed = { language: 'python', language_version: '3.11.2', installed: true }
  expect(await packages.json()).toEqual([listed])
})

test('all that is asked reaches the run, and its output comes back as it was written', async () => {
  const say = (type: 'stdout' | 'stderr', text: string): RunEvent => ({
    type,
    bytes: Buffer.from(text),
  })
  runs.events = [{ type: 'started', queueMs: 1 }, say('stdout', 'a'), say('stderr', 'b')]
  runs.end = async () => outcomeWith({ stdout: Buffer.from('a'), stderr: Buffer.from('b') })
  const answer = await execute({
    ...RUN,
    files: [
      { name: 'data.bin', content: 'AAE=', encoding: 'base64' },
      { name: 'a/main.py', content: 'print(1)' },
      { content: '6869', encoding: 'hex' },
    ],
    stdin: 'in',
    args: ['x', 2],
    run_timeout: 1000,
    run_cpu_time: 900,
    run_memory_limit: 64 * 1024 ** 2,
    compile_timeout: 10_000,
    compile_memory_limit: -1,
    more: 'that is read over',
  })
  expect(answer).toEqual({
    status: 200,
    body: {
      language: 'python',
      version: '3.11.2',
      run: {
        ...{ stdout: 'a', stderr: 'b', output: 'ab', code: 0, signal: null },
        ...{ message: null, status: null, cpu_time: 1, wall_time: 3, memory: 1024 ** 2 },
      },
    },
  })
  const [run] = runs.requests
  expect(run).toMatchObject({ template: 'python', collect: [], program: { argv: ['x', '2'] } })
  expect(run?.limits).toEqual({ wallTimeMs: 1000, cpuTimeMs: 900, memoryBytes: 64 * 1024 ** 2 })
  expect([run?.program.code.toString(), run?.stdin?.toString()]).toEqual(['print(1)', 'in'])
  expect(run?.files.map(({ path, content }) => [path, content.toString()])).toEqual([
    ['data.bin', '\0\u0001'],
    ['a/main.py', 'print(1)'],
    ['file2.code', 'hi'],
  ])
  await execute({ ...RUN, files: [{ name: 'main.py', content: '' }] })
  // The service puts the program there.
  expect(runs.requests[1]?.files).toEqual([])
})

test.each([
  [{ exitCode: 3 }, { code: 3, signal: null, status: 'RE', message: 'Exited with error status 3' }],
  [
    { end: 'signal', exitCode: null, signal: 11 },
    { code: null, signal: 'SIGSEGV', status: 'SG', message: 'Caught fatal signal 11' },
  ],
  [
    { end: 'time', exitCode: null },
    { code: null, signal: 'SIGKILL', status: 'TO' },
  ],
  [
    { end: 'memory', exitCode: null },
    { code: null, signal: 'SIGKILL', status: 'SG' },
  ],
  [
    { end: 'output', exitCode: null, flooded: 'stdout' },
    { signal: 'SIGKILL', status: 'OL' },
  ],
  [
    { end: 'output', exitCode: null, flooded: 'stderr' },
    { signal: 'SIGKILL', status: 'EL' },
  ],
  [
    { end: 'refused', exitCode: null, detail: 'line 1' },
    { signal: null, status: 'XX' },
  ],
] as const)('an end %j', async (end, told) => {
  runs.end = async () => outcomeWith(end)
  expect((await execute(RUN)).body.run).toMatchObject(told)
})

describe('what is refused', () => {
  const most = limits.wallTimeMs
  test.each([
    [{ ...RUN, language: undefined }, 'language is required as a string'],
    [{ ...RUN, version: 3 }, 'version is required as a string'],
    [{ ...RUN, files: undefined }, 'files is required as an array'],
    [{ ...RUN, files: [{ name: 'a' }] }, 'files[0].content is required as a string'],
    [{ ...RUN, files: [] }, 'files must include at least one utf8 encoded file'],
    [{ ...RUN, files: [{ content: 'x', name: '../x' }] }, 'files[0].name must be a relative path'],
    [{ ...RUN, language: 'cobol', version: '*' }, 'cobol-* runtime is unknown'],
    [{ ...RUN, version: '2.7.18' }, 'python-2.7.18 runtime is unknown'],
    [{ ...RUN, version: '4.0.0' }, 'python-4.0.0 runtime is unknown'],
    [{ ...RUN, run_timeout: '1' }, 'If specified, run_timeout must be a number'],
    [{ ...RUN, run_timeout: -5 }, 'run_timeout must be non-negative'],
    [
      { ...RUN, run_timeout: most + 1 },
      `run_timeout cannot exceed the configured limit of ${most}`,
    ],
  ])('%j', async (body, message) => {
    expect(await execute(body)).toEqual({ status: 400, body: { message } })
    expect(runs.requests).toEqual([])
  })
})

test('JSON without its name is taken, and nothing is installed', async () => {
  const text = await fetch(`${door.url}/api/v2/execute`, {
    method: 'POST',
    body: JSON.stringify(RUN),
  })
  expect(text.status).toBe(200)
  expect(await execute({ language: 'go', version: '1' }, '/api/v2/packages')).toMatchObject({
    status: 404,
    body: { message: expect.stringContaining('does not exist') },
  })
})

test.each([
  ['*', true],
  ['3', true],
  ['3.x', true],
  ['3.11.*', true],
  ['3.11.2', true],
  ['=3.11.2', true],
  ['3.10.0', true],
  ['=3.10.0', false],
  ['2.7.0', false],
  ['3.12.0', false],
  ['^3.10', true],
  ['^3.12.0', false],
  ['~3.11.0', true],
  ['~3.10.0', false],
  ['>=3.10 <4', true],
  ['>= 3.10', true],
  ['>3.11', false],
  ['>3.11.1', true],
  ['<=3.11', true],
  ['<3.11', false],
  ['2 || 3', true],
  ['x', true],
  ['y || z', false],
  ['latest', false],
])('3.11.2 and the selector %s', (selector, expected) => {
  expect(satisfies('3.11.2', selector)).toBe(expected)
})

test('a selector of a language that goes upward', () => {
  expect(satisfies('24.1.0', '18.15.0', true)).toBe(true)
  expect(satisfies('24.1.0', '18', true)).toBe(false)
  expect(satisfies('24.1.0', '25.0.0', true)).toBe(false)
})
