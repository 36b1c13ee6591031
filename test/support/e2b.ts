import { mkdtempSync, rmSync } from 'node:fs'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { json } from 'node:stream/consumers'
import { ApiKeys } from '../../src/api/api-keys.ts'
import type { Config } from '../../src/config.ts'
import { LocalSessions } from '../../src/sessions/local-sessions.ts'
import { Shelf } from '../../src/sessions/shelf.ts'
import { FakeRuns, openDoors } from './door.ts'
import { FakeSandboxes } from './fake-sandboxes.ts'
import { ENDLESS_PLACES } from './places.ts'
import { templatesOf } from './session-templates.ts'

export const [ANN, BOB] = [`e2b_${'a1'.repeat(20)}`, `e2b_${'b2'.repeat(20)}`]

/** Sessions over sandboxes that run nothing, in a folder; open() is another manager with the same folder. */
export function fakeSessions(perCaller = 20) {
  const home = mkdtempSync(path.join(tmpdir(), 'e2b-'))
  const sandboxes = new FakeSandboxes()
  const open = () => {
    const settings = { perCaller, inAll: 100, saveEveryMs: null }
    const events = { changed: () => {}, notWritten: () => {} }
    const templates = templatesOf(new Map([['fake', sandboxes]]))
    const shelf = new Shelf(path.join(home, 'sessions'), true)
    const sessions = new LocalSessions(templates, ENDLESS_PLACES, shelf, settings, events)
    sessions.load()
    return sessions
  }
  const remove = () => rmSync(home, { recursive: true, force: true })
  return { open, remove, sandboxes }
}

/** The front door of E2B over sessions, for Ann and Bob, and a client of it. */
export async function openE2b(sessions: LocalSessions, settings: Partial<Config> = {}) {
  const keys = ApiKeys.parse(`ann:${ANN},bob:${BOB}`) as ApiKeys
  const doors = await openDoors(new FakeRuns(), { keys, ...settings }, {}, undefined, sessions)
  const ask = async (
    method: string,
    target: string,
    { key = ANN, body, headers = {} }: Asked = {},
  ): Promise<Answer> => {
    const { port } = new URL(doors.url)
    const sent = httpRequest({
      host: '127.0.0.1',
      port,
      method,
      path: target,
      agent: false,
      headers: {
        ...(key !== null && { 'x-api-key': key }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
    })
    sent.end(body === undefined ? undefined : JSON.stringify(body))
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      sent.once('response', resolve)
      sent.once('error', reject)
    })
    const value = await json(answer).catch(() => null)
    return { status: answer.statusCode ?? 0, headers: answer.headers, value } as Answer
  }
  return { ...doors, ask }
}

interface Asked {
  readonly key?: string | null
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | undefined>>
  // biome-ignore lint/suspicious/noExplicitAny: what the service answers is looked at by tests
  readonly value: any
}
