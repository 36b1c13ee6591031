import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import {
  SESSION_STATES,
  SessionLifecycle,
  type SessionState,
} from '../../src/sessions/lifecycle.ts'

/** Ways that lead to each state from the beginning of a life. */
const WAYS: Readonly<Record<SessionState, readonly SessionState[]>> = {
  creating: [],
  ready: ['ready'],
  busy: ['ready', 'busy'],
  frozen: ['ready', 'frozen'],
  hibernating: ['ready', 'hibernating'],
  hibernated: ['ready', 'hibernating', 'hibernated'],
  waking: ['ready', 'hibernating', 'hibernated', 'waking'],
  lost: ['ready', 'lost'],
  dead: ['dead'],
}

const ALLOWED: Readonly<Record<SessionState, string>> = {
  creating: 'ready dead',
  ready: 'busy frozen hibernating lost dead',
  busy: 'ready hibernating lost dead',
  frozen: 'ready hibernating lost dead',
  hibernating: 'ready hibernated lost dead',
  hibernated: 'waking dead',
  waking: 'ready hibernated dead',
  lost: 'hibernated dead',
  dead: '',
}

function at(state: SessionState): SessionLifecycle {
  const lifecycle = new SessionLifecycle()
  for (const next of WAYS[state]) lifecycle.enter(next)
  return lifecycle
}

test.each(SESSION_STATES)('from %s only the transitions of the document are possible', (from) => {
  for (const to of SESSION_STATES) {
    const lifecycle = at(from)
    if (ALLOWED[from].split(' ').includes(to)) {
      lifecycle.enter(to)
      expect(lifecycle.state).toBe(to)
    } else {
      expect(() => lifecycle.enter(to)).toThrow(`from ${from} to ${to}`)
      expect(lifecycle.state).toBe(from)
    }
  }
})

test('each state has a line in the document', () => {
  const file = path.join(import.meta.dirname, '../../docs/sessions.md')
  const text = readFileSync(file, 'utf8')
  const told = [...text.matchAll(/^\| `(\w+)` \|/gm)].map(([, state]) => state)
  for (const state of SESSION_STATES) expect(told).toContain(state)
})
