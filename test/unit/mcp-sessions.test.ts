import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { ApiKeys } from '../../src/api/api-keys.ts'
import { ManagerError } from '../../src/errors.ts'
import { Contexts } from '../../src/sessions/contexts.ts'
import { SessionLostError } from '../../src/sessions/errors.ts'
import { SessionGone, SessionLost } from '../../src/sessions/gone.ts'
import type { Sessions } from '../../src/sessions/types.ts'
import { FakeRuns, openDoors } from '../support/door.ts'
import { HTTP_CLIENTS, type McpClient, SESSION_TOOLS, TOOLS } from '../support/mcp-clients.ts'

/** The tools of sessions that fail in every way that they can, asked by the official clients. */
const KEY = 'a-key-of-the-tests'
const OTHER = 'another-key-of-them'
const keys = ApiKeys.parse(`one:${KEY},other:${OTHER}`) as ApiKeys
const MINE = 'of-the-first-caller'
const checkpoint = { atMs: Date.UTC(2026, 10, 30), bytes: 1 }
let why: () => never
let saved: typeof checkpoint | null
const contexts = new Contexts({
  byName: new Map([
    ['python', { language: 'python', modes: ['cell'], takesStdin: false } as never],
  ]),
  limits: {} as never,
})
const isMine = (caller: string, id: string) => caller === 'one' && id === MINE
const sessions: Partial<Sessions> = {
  ofDoor: () => [],
  defaultTemplate: () => 'python',
  get: (caller, id) => (isMine(caller, id) ? ({ id, checkpoint: saved } as never) : null),
  contexts: (caller, id) => (isMine(caller, id) ? contexts : null),
  use: async (caller, id) => (isMine(caller, id) ? why() : null),
  kill: async () => false,
  recover: async (caller, id) => (isMine(caller, id) ? why() : null),
  create: async () => why(),
}
let door: Awaited<ReturnType<typeof openDoors>>

beforeAll(async () => {
  door = await openDoors(new FakeRuns(), { keys }, {}, undefined, sessions as Sessions)
})
afterAll(() => door.close())
beforeEach(() => {
  saved = null
  why = () => {
    throw new Error('not expected')
  }
})

const GIVEN = {
  session: MINE,
  language: 'python',
  code: '1',
  command: 'id',
  path: 'a',
  content: '',
}
const USING = ['run_code', ...SESSION_TOOLS.slice(1, -1)]

describe.each(HTTP_CLIENTS)('$name', ({ connect }) => {
  let client: McpClient
  let other: McpClient
  beforeAll(async () => {
    client = await connect({ url: door.url, key: KEY })
    other = await connect({ url: door.url, key: OTHER })
  })
  afterAll(() => Promise.all([client.close(), other.close()]))
  const told = async (name: string, given: object = {}, by = client) => {
    const { isError, content } = await by.callTool({ name, arguments: { ...GIVEN, ...given } })
    expect([name, isError]).toEqual([name, true])
    return content[0].text as string
  }

  test('lists the tools, with what they answer', async () => {
    const { tools } = await client.listTools()
    expect(tools.map(({ name }) => name)).toEqual([...TOOLS, ...SESSION_TOOLS])
    for (const { outputSchema } of tools) expect(outputSchema).toBeDefined()
  })

  test.each([...USING, 'close_session'])(
    "%s: another caller's session is as none",
    async (name) => {
      const said = await told(name, {}, other)
      expect(said).toContain('open_session')
      expect(said).toBe((await told(name, { session: 'x' }, other)).replace(' x,', ` ${MINE},`))
    },
  )

  test.each(USING)('%s: a session that has ended says to open another', async (name) => {
    why = () => {
      throw new SessionGone(MINE, 'its time is over')
    }
    expect(await told(name)).toMatch(/has ended: its time is over\. Open another one/)
    why = () => {
      throw new SessionLostError('the sandbox has ended')
    }
    expect(await told(name)).toMatch(/has ended: the sandbox has ended\. Open another one/)
  })

  test.each(USING)('%s: one that is lost says what can be had back', async (name) => {
    why = () => {
      throw new SessionLost(MINE, 'the service was killed', saved?.atMs ?? null)
    }
    expect(await told(name)).toMatch(/is lost: the service was killed\. Open another one/)
    saved = checkpoint
    expect(await told(name)).toMatch(
      /killed\. Its last checkpoint is of 2026-11-30T\S+: call open_session with recover of-the-first-caller/,
    )
  })

  test('open_session says what stands in its way', async () => {
    why = () => {
      throw new ManagerError('HELD_TOO_MUCH', 'This caller may not have more than 8 sessions.')
    }
    expect(await told('open_session')).toMatch(/more than 8 sessions\. End one .* close_session/)
    expect(await told('open_session', { recover: 'nobody-has-it' })).toContain(
      'There is no session',
    )
    why = () => {
      throw new ManagerError('POOL_BUSY', 'There are as many sessions as may be: try again later.')
    }
    expect(await told('open_session')).toContain('try again later')
  })

  test('what does not fit is refused in words', async () => {
    expect(await told('run_code', { language: 'cobol' })).toContain('its languages: python')
    expect(await told('run_code', { template: 'python' })).toContain('was opened with')
    expect(await told('run_code', { stdin: 'x' })).toContain('takes no input')
    const fresh = { session: undefined, timeout_seconds: 5 }
    expect(await told('run_code', fresh)).toContain('is of runs in a session')
    why = () => ({ channels: {}, release: () => {} }) as never
    expect(await told('write_file', { content: undefined })).toContain('content')
    expect(await told('write_file', { content: undefined, content_base64: '!' })).toContain(
      'base64',
    )
    expect(await told('read_file', { path: 'a\0b' })).toContain('zero byte')
  })
})
