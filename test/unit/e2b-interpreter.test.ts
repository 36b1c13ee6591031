import { request as httpRequest } from 'node:http'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { sandboxIdOf } from '../../src/api/e2b/ids.ts'
import type { RunEvent } from '../../src/run/types.ts'
import { ContextError, type ContextOutcome } from '../../src/sessions/context-types.ts'
import { SessionLostError } from '../../src/sessions/errors.ts'
import type { Sessions } from '../../src/sessions/types.ts'
import { type Doors, FakeRuns, openDoors, outcomeWith } from '../support/door.ts'

const SESSION = 'abcdefghijklmnopqrst'
const [ACCESS, TRAFFIC] = ['access-token-of-the-tests', 'traffic-token-of-the-tests']
const STARTED: RunEvent = { type: 'started', queueMs: 1 }
const END = { type: 'end_of_execution' }

/** Contexts that a test makes up: it says what a run tells and how it ends. */
class FakeContexts {
  events: RunEvent[] = []
  end: (signal: AbortSignal) => Promise<ContextOutcome> = async () => ended()
  runs: { choice: unknown; run: Record<string, unknown> }[] = []
  all = [{ id: 'c-1', language: 'python', cwd: '/tmp', executionCount: 6 }]
  readonly done: string[] = []

  list = () => this.all
  get = (id: string) => this.all.find((one) => one.id === id) ?? { executionCount: 0 }
  kernel = (language: string) => {
    if (['python', 'javascript', 'bash'].includes(language)) return { language, modes: ['cell'] }
    throw new ContextError('unknown', `This session has no context or language ${language}.`)
  }
  kernelOf = ({ context, language }: { context?: string; language?: string }) =>
    this.kernel(context === 'c-1' ? 'python' : ((context ?? language) as string))
  create = (asked: { language: string; cwd: string }) => {
    this.kernel(asked.language)
    return { id: 'c-2', language: asked.language, cwd: asked.cwd || '/home/user' }
  }
  restart = async (id: string) => void this.done.push(`restart ${id}`)
  remove = async (id: string) => void this.done.push(`remove ${id}`)
  run = async (
    _id: string,
    choice: unknown,
    _host: unknown,
    run: Record<string, unknown>,
    { signal, onEvent }: { signal: AbortSignal; onEvent: (event: RunEvent) => void },
  ) => {
    this.runs.push({ choice, run })
    onEvent(STARTED)
    for (const event of this.events) onEvent(event)
    return this.end(signal)
  }
}

function ended(part: Partial<ContextOutcome> = {}): ContextOutcome {
  return { ...outcomeWith(), executionCount: 1, isContextLost: false, notes: '', ...part }
}

let contexts: FakeContexts
let doors: Doors
let released = 0
beforeAll(async () => {
  const note = { door: 'e2b', accessToken: ACCESS, trafficToken: TRAFFIC }
  const info = { id: SESSION, state: 'ready', isPaused: false, note }
  const known: Partial<Sessions> = {
    ownerOf: (id) => (id === SESSION ? 'one' : null),
    get: (_caller, id) => (id === SESSION ? (info as never) : null),
    contexts: () => contexts as never,
    use: async () => ({ contexts, release: () => released++ }) as never,
  }
  doors = await openDoors(new FakeRuns(), {}, {}, undefined, known as Sessions)
})
afterAll(() => doors.close())
beforeEach(() => {
  contexts = new FakeContexts()
  released = 0
})

const HEADERS = {
  'content-type': 'application/json',
  'e2b-sandbox-id': sandboxIdOf(SESSION),
  'e2b-sandbox-port': '49999',
  'e2b-traffic-access-token': TRAFFIC,
}

async function ask(method: string, path: string, body?: unknown, headers = {}) {
  const init: RequestInit = { method, headers: { ...HEADERS, ...headers } }
  if (body !== undefined) init.body = typeof body === 'string' ? body : JSON.stringify(body)
  const response = await fetch(doors.url + path, init)
  return { status: response.status, text: await response.text() }
}

async function execute(body: unknown) {
  const { status, text } = await ask('POST', '/execute', body)
  expect(status, text).toBe(200)
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
}

const printed = (type: 'stdout' | 'stderr', text: string): RunEvent => {
  return { type, bytes: Buffer.from(text) }
}

describe('/execute', () => {
  test('tells a run in lines, the end last', async () => {
    contexts.events = [
      printed('stdout', '1'),
      printed('stdout', '\n'),
      { type: 'display', data: { 'text/latex': 'x' } },
      printed('stderr', 'é\n'),
    ]
    contexts.end = async () => ended({ resultJson: '{"text/plain":"2"}' })
    expect(await execute({ code: '1', context_id: null, language: null, env_vars: null })).toEqual([
      { type: 'number_of_executions', execution_count: 1 },
      { type: 'stdout', text: '1\n', timestamp: expect.any(String) },
      { type: 'result', latex: 'x', extra: {}, is_main_result: false },
      { type: 'stderr', text: 'é\n', timestamp: expect.any(String) },
      { type: 'result', text: '2', extra: {}, is_main_result: true },
      END,
    ])
    expect(released).toBe(1)
  })

  test.each([
    [{}, { language: 'python' }],
    [{ language: ' JS ' }, { language: 'javascript' }],
    [{ language: 'Bash' }, { language: 'bash' }],
    [{ context_id: 'c-1' }, { context: 'c-1' }],
  ])('runs in the context of %j', async (asked, choice) => {
    await execute({ code: 'x', env_vars: { A: 'b' }, ...asked })
    const [{ choice: chosen, run } = { choice: null, run: {} }] = contexts.runs
    expect(chosen).toEqual(choice)
    expect(run).toMatchObject({
      mode: 'cell',
      waits: true,
      env: { A: 'b' },
      tells: { errorsAlone: true, data: true },
    })
  })

  const error = { name: 'NameError', message: "name 'x' is not defined", traceback: 'T', line: 1 }
  test.each<[Partial<ContextOutcome>, string, string]>([
    [{ exitCode: 1, error }, 'NameError', "name 'x' is not defined"],
    [{ exitCode: 3 }, 'SystemExit', '3'],
    [
      { end: 'output', exitCode: null, flooded: 'stdout' },
      'OutputLimitExceeded',
      'more than it may',
    ],
    [{ exitCode: 4, isContextLost: true, notes: 'Lost.' }, 'UnexpectedEndOfExecution', 'Lost.'],
    [
      { end: 'signal', exitCode: null, signal: 9, isContextLost: true },
      'UnexpectedEnd',
      'a signal',
    ],
  ])('an outcome %j is the error %s', async (part, name, value) => {
    contexts.end = async () => ended(part)
    const lines = await execute({ code: 'x' })
    expect(lines.at(-2)).toMatchObject({
      type: 'error',
      name: expect.stringContaining(name),
      value: expect.stringContaining(value),
      traceback: expect.any(String),
    })
    expect(lines.at(-1)).toEqual(END)
  })

  test.each([
    [{ code: 'x', context_id: 'c-1', language: 'python' }, 400, /^Only one of/],
    [{ code: 'x', language: 'r' }, 404, /no context or language r/],
    [{ code: 'x', context_id: 'c-9' }, 404, /c-9/],
    [{ code: 5 }, 400, /^code /],
    [{ code: 'x', env_vars: { 'a=b': 'c' } }, 400, /name of a variable/],
    ['{"code":', 400, /JSON/],
  ])('%j is refused with %i, as text', async (body, status, text) => {
    const refused = await ask('POST', '/execute', body)
    expect(refused).toMatchObject({ status, text: expect.stringMatching(text) })
  })

  test('needs a token of the sandbox', async () => {
    const body = { code: '1' }
    const none = { 'e2b-traffic-access-token': '' }
    expect((await ask('POST', '/execute', body, none)).status).toBe(401)
    const access = { ...none, 'x-access-token': ACCESS }
    expect((await ask('POST', '/execute', body, access)).status).toBe(200)
    const other = { 'e2b-sandbox-id': sandboxIdOf('bbcdefghijklmnopqrst') }
    const gone = await ask('POST', '/execute', body, other)
    expect(gone.status).toBe(502)
    expect(JSON.parse(gone.text)).toMatchObject({ code: 502, message: /was not found/ })
    expect(contexts.runs).toHaveLength(1)
  })

  test('a client that hangs up interrupts the run', async () => {
    const interrupted = new Promise<void>((resolve) => {
      contexts.end = async (signal) => {
        await new Promise((go) => signal.addEventListener('abort', go, { once: true }))
        resolve()
        return ended({ exitCode: 1 })
      }
    })
    const request = httpRequest(`${doors.url}/execute`, { method: 'POST', headers: HEADERS })
    request.on('error', () => {})
    request.on('response', (response) => response.once('data', () => request.destroy()))
    request.end(JSON.stringify({ code: 'x' }))
    await interrupted
    await expect.poll(() => released).toBe(1)
  })

  test('the end of the sandbox cuts the connection', async () => {
    contexts.end = async () => ended({ end: 'lost', exitCode: null, isContextLost: true })
    await expect(ask('POST', '/execute', { code: 'x' })).rejects.toThrow()
    contexts.end = () => Promise.reject(new SessionLostError('gone'))
    await expect(ask('POST', '/execute', { code: 'x' })).rejects.toThrow()
    expect(released).toBe(2)
  })

  test('what fails after the first line is an error in the stream', async () => {
    contexts.end = () => Promise.reject(new ContextError('failed', 'It did not start.'))
    expect((await execute({ code: 'x' })).slice(1)).toEqual([
      { type: 'error', name: 'ServiceError', value: 'It did not start.', traceback: '' },
      END,
    ])
  })
})

describe('/contexts', () => {
  const list = async () => JSON.parse((await ask('GET', '/contexts')).text)

  test('are the default ones, then others in their order', async () => {
    const unused = { id: 'javascript', language: 'javascript', cwd: '/home/user' }
    const made = { id: 'c-1', language: 'python', cwd: '/tmp' }
    expect((await list()).slice(1)).toEqual([unused, made])
    contexts.all.push({ id: 'python', language: 'python', cwd: '/home/user', executionCount: 1 })
    expect((await list()).map(({ id }: { id: string }) => id)).toEqual([
      'javascript',
      'python',
      'c-1',
    ])
  })

  test('are made, restarted and removed', async () => {
    const made = await ask('POST', '/contexts', { language: 'js', cwd: null })
    expect(JSON.parse(made.text)).toEqual({
      id: 'c-2',
      language: 'javascript',
      cwd: '/home/user',
    })
    // Clients say that there is JSON, and send none.
    expect((await ask('POST', '/contexts/c-1/restart')).status).toBe(200)
    expect((await ask('DELETE', '/contexts/c-1')).status).toBe(200)
    expect(contexts.done).toEqual(['restart c-1', 'remove c-1'])
    // A default one that has never been used has nothing to end.
    expect((await ask('POST', '/contexts/python/restart')).status).toBe(200)
    expect(contexts.done).toHaveLength(2)
    expect(await ask('POST', '/contexts/c-9/restart')).toMatchObject({ status: 404 })
    expect(await ask('DELETE', '/contexts/c-9')).toMatchObject({ status: 404 })
    expect(await ask('POST', '/contexts', { language: 'java' })).toMatchObject({ status: 404 })
  })
})
