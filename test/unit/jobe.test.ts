import { describe, expect, test } from 'vitest'
import { ApiKeys } from '../../src/api/api-keys.ts'
import { readConfig } from '../../src/config.ts'
import { ManagerError } from '../../src/errors.ts'
import { FakeRuns, outcomeWith, useDoors } from '../support/door.ts'

/** The door for Moodle's CodeRunner over runs that never happen. */
const KEY = 'a-key-of-the-tests'
const OTHER = 'another-key-of-them'
const runs = new FakeRuns()
const door = useDoors(runs, { keys: ApiKeys.parse(`one:${KEY},other:${OTHER}`) as ApiKeys })
const { limits } = readConfig({})
const AT = '/jobe/index.php/restapi'

async function ask(method: string, path: string, body?: object, key = KEY) {
  const answer = await fetch(door.url + path, {
    method,
    headers: { 'x-api-key': key, ...(body && { 'content-type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
  })
  const said = await answer.text()
  return { status: answer.status, body: said === '' ? null : JSON.parse(said) }
}
const submit = (run_spec: object, at = AT, key = KEY) =>
  ask('POST', `${at}/runs/`, { run_spec }, key)
const RUN = { language_id: 'python3', sourcecode: 'print(1)' }

test('all that is asked reaches the run, and what came of it is told', async () => {
  expect((await ask('GET', `${AT}/languages`)).body).toEqual([['python3', '3.11.2']])
  runs.end = async () => outcomeWith({ stdout: Buffer.from('1\n') })
  const parameters = {
    ...{ cputime: 2, memorylimit: 64, streamsize: 0.001, runargs: ['a', 2] },
    interpreterargs: ['-BE'],
  }
  const asked = {
    ...RUN,
    language_id: 'Python3',
    input: 'in',
    sourcefilename: 'test.py',
    parameters,
  }
  for (const at of [AT, '/jobe/index.php']) {
    expect(await submit(asked, at)).toEqual({
      status: 200,
      body: { run_id: expect.any(String), outcome: 15, cmpinfo: '', stdout: '1\n', stderr: '' },
    })
  }
  const [run] = runs.requests
  expect(run).toMatchObject({ caller: 'one', template: 'python', program: { argv: ['a', '2'] } })
  expect([run?.program.code.toString(), run?.stdin?.toString()]).toEqual(['print(1)', 'in'])
  expect(run?.limits).toEqual({
    ...{ cpuTimeMs: 2000, wallTimeMs: Math.min(4000, limits.wallTimeMs) },
    ...{ memoryBytes: 64 * 1024 ** 2, outputBytes: 1048 },
  })
})

const error = { name: 'SyntaxError', message: 'x', line: 1 }
test.each([
  [{ exitCode: 3 }, { outcome: 15 }],
  [{ stderr: Buffer.from('careful') }, { outcome: 12, stderr: 'careful' }],
  [
    {
      exitCode: 1,
      stderr: Buffer.from('bad'),
      error: { ...error, traceback: '  File "main.py", line 1\n' },
    },
    { outcome: 11, cmpinfo: 'bad', stderr: '' },
  ],
  [
    {
      exitCode: 1,
      stderr: Buffer.from('bad'),
      error: { ...error, traceback: '  File "main.py", line 1, in <module>\n' },
    },
    { outcome: 12, cmpinfo: '', stderr: 'bad' },
  ],
  [
    { end: 'time', exitCode: null, stderr: Buffer.from('x') },
    { outcome: 13, stderr: '' },
  ],
  [{ end: 'memory', exitCode: null }, { outcome: 17 }],
  [
    { end: 'signal', exitCode: null, signal: 11 },
    { outcome: 12, stderr: '' },
  ],
  [
    { end: 'signal', exitCode: null, signal: 9 },
    { outcome: 12, stderr: 'warning: command terminated with signal 9\n' },
  ],
  [{ end: 'refused', exitCode: null, detail: 'line 1' }, { outcome: 19 }],
  [{ end: 'output', exitCode: null, flooded: 'stdout' }, { outcome: 12 }],
] as const)('an end %j', async (end, told) => {
  runs.end = async () => outcomeWith(end)
  expect((await submit(RUN)).body).toMatchObject(told)
})

test('a server without room says so, and that the run has not begun', async () => {
  runs.start = async () => {
    throw new ManagerError('POOL_BUSY', 'No executor became free in time.')
  }
  const none = { run_id: '0', outcome: 21, cmpinfo: '', stdout: '', stderr: '' }
  try {
    expect(await submit(RUN)).toEqual({ status: 200, body: none })
  } finally {
    // That of the class again.
    Reflect.deleteProperty(runs, 'start')
  }
})

test('files are put, found by their caller alone, and lie beside the program', async () => {
  const file = `${AT}/files/0123456789abcdef`
  const contents = (said: string) => ({ file_contents: Buffer.from(said).toString('base64') })
  const asked = { ...RUN, file_list: [['0123456789abcdef', 'data.txt', true]] }
  const missing = { status: 404, body: 'One or more of the specified files is missing/unavailable' }
  expect((await ask('HEAD', file)).status).toBe(404)
  expect(await submit(asked)).toEqual(missing)
  expect((await ask('PUT', file, contents('old'))).status).toBe(204)
  expect((await ask('PUT', file, contents('new'))).status).toBe(204)
  expect((await ask('HEAD', file)).status).toBe(204)
  expect((await ask('HEAD', file, undefined, OTHER)).status).toBe(404)
  expect(await submit(asked, AT, OTHER)).toEqual(missing)
  expect((await submit(asked)).status).toBe(200)
  const [{ path, content }] = runs.requests.flatMap(({ files }) => files) as [
    { path: string; content: Buffer },
  ]
  expect([path, content.toString()]).toEqual(['data.txt', 'new'])
  expect((await ask('PUT', file, { x: 1 })).status).toBe(400)
  expect((await ask('PUT', file, { file_contents: '!' })).status).toBe(400)
  expect((await ask('PUT', `${AT}/files/a.b`, contents(''))).status).toBe(400)
  await expect.poll(() => door.accounts.uploads.total).toBe(0)
})

describe('what is refused', () => {
  const most = Math.floor(limits.wallTimeMs / 1000)
  test.each([
    [{ sourcecode: '' }, "run_spec is missing the required attribute 'language_id'"],
    [{ language_id: 'python3' }, "run_spec is missing the required attribute 'sourcecode'"],
    [{ ...RUN, language_id: 'COBOL' }, "Language 'cobol' is not known"],
    [{ ...RUN, sourcefilename: '../x' }, 'The sourcefilename for the run_spec is illegal'],
    [{ ...RUN, file_list: [['x', 'y']] }, 'Invalid file specifier: ["x","y"]'],
    [{ ...RUN, file_list: [['01234567', '../y']] }, 'Invalid file specifier: ["01234567","../y"]'],
    [
      { ...RUN, parameters: { cputime: most + 1 } },
      `cputime exceeds maximum allowed on this Jobe server (${most} secs)`,
    ],
    [
      { ...RUN, parameters: { interpreterargs: ['-c "x"'] } },
      'interpreterargs are not taken by this server',
    ],
  ])('%j', async (run, said) => {
    expect(await submit(run)).toEqual({ status: 400, body: said })
    expect(runs.requests).toEqual([])
  })
})
