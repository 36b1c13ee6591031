import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { limitsOf, projectDir, readConfig } from '../../src/config.ts'
import { RunscEngine } from '../../src/engine/runsc/engine.ts'
import type { InstalledRuntime } from '../../src/engine/runsc/installation.ts'
import { probePlatform } from '../../src/engine/runsc/platform.ts'
import type { ContextOutcome } from '../../src/sessions/context-types.ts'
import { LocalSessions } from '../../src/sessions/local-sessions.ts'
import { Shelf } from '../../src/sessions/shelf.ts'
import { ensureInstallation } from '../../src/setup/install.ts'
import { ENDLESS_PLACES } from '../support/places.ts'
import { templatesOf } from '../support/session-templates.ts'

/** Kernels of sessions over restarts of the manager: what they hold goes on, what ran has no answer. */

const home = mkdtempSync(path.join(tmpdir(), 'kernels-'))
let engine: RunscEngine
let templates: Map<string, ReturnType<RunscEngine['sessionsFor']>>
let sessions: LocalSessions

function open(): LocalSessions {
  const opened = new LocalSessions(
    templatesOf(templates),
    ENDLESS_PLACES,
    new Shelf(path.join(home, 'sessions'), true),
    { perCaller: 8, inAll: 8, saveEveryMs: null },
    { changed: () => {}, notWritten: () => {} },
  )
  opened.load()
  return opened
}

beforeAll(async () => {
  const config = readConfig(process.env)
  const runtimes = path.join(projectDir(), 'runtimes')
  const installation = await ensureInstallation(config.home, runtimes, () => {})
  const { rootfs } = installation.runtimes[0] as InstalledRuntime
  const platform = await probePlatform({ ...installation, rootfs, home: config.home })
  const events = new Proxy({} as Parameters<typeof RunscEngine.open>[4], { get: () => () => {} })
  engine = await RunscEngine.open(installation, platform, null, null, events, {
    isShort: () => false,
  })
  templates = new Map(
    installation.runtimes.map((one) => [
      one.runtime.name,
      engine.sessionsFor(one, limitsOf(config, one.runtime.limits)),
    ]),
  )
  sessions = open()
})
afterAll(async () => {
  await sessions.stop()
  await engine.close()
  rmSync(home, { recursive: true })
})

async function create(template: string): Promise<string> {
  const { id } = await sessions.create({
    caller: 'one',
    template,
    env: {},
    metadata: {},
    idle: { freezeMs: null, hibernateMs: null },
    ttlMs: 600_000,
  })
  return id
}

let runs = 0

async function run(id: string, code: string, more = {}): Promise<ContextOutcome> {
  const use = await sessions.use('one', id)
  if (!use) throw new Error('no such session')
  try {
    const whole = {
      code: Buffer.from(code),
      mode: 'cell',
      argumentsJson: Buffer.from('{}'),
      argv: [],
      stdin: null,
      files: [],
      wallTimeMs: 30_000,
      waits: true,
      ...more,
    } as const
    const { signal } = new AbortController()
    return await use.contexts.run(`run-${runs++}`, {}, use, whole, { signal })
  } finally {
    use.release()
  }
}
const said = ({ resultJson, stdout, notes }: ContextOutcome) => ({
  value: JSON.parse(resultJson ?? 'null')?.['text/plain'] ?? stdout.toString(),
  notes,
})

async function restart(): Promise<void> {
  await sessions.stop()
  sessions = open()
}

describe('after a restart of the manager', () => {
  test.each([
    ['python', 'kept = 41', 'kept + 1', '42'],
    ['nodejs', 'var kept = 41', 'kept + 1', '42'],
    ['bash', 'kept=41', 'echo $((kept + 1))', '42\n'],
  ])('%s has its variables', async (template, set, get, value) => {
    const id = await create(template)
    await run(id, set)
    await restart()
    const [context] = sessions.contexts('one', id)?.list() ?? []
    expect(context).toMatchObject({ state: 'idle', executionCount: 1 })
    expect(said(await run(id, get))).toEqual({ value, notes: '' })
    await sessions.kill('one', id)
  })

  test('later runs wait for one that was on, which has no answer', async () => {
    const id = await create('python')
    await run(id, 'seen = []; import time')
    const code =
      'seen.append("begun"); print("x" * 1000)\nfor _ in range(40): time.sleep(0.1)\nseen.append("ended")'
    const lost = run(id, code).catch((error: Error) => error)
    await expect.poll(() => sessions.contexts('one', id)?.get('python').state).toBe('busy')
    await restart()
    expect(await lost).toMatchObject({ end: 'lost' })
    expect(sessions.contexts('one', id)?.get('python').state).toBe('busy')
    expect(said(await run(id, 'seen'))).toEqual({ value: "['begun', 'ended']", notes: '' })
    await sessions.kill('one', id)
  })

  test('a run that was on is interrupted', async () => {
    const id = await create('python')
    await run(id, 'kept = 1')
    const lost = run(id, 'while True: pass').catch((error: Error) => error)
    await expect.poll(() => sessions.contexts('one', id)?.get('python').state).toBe('busy')
    await restart()
    await lost
    const next = run(id, 'kept')
    await expect
      .poll(async () => {
        const use = await sessions.use('one', id)
        if (use) use.contexts.interrupt('python', use)
        use?.release()
        return Promise.race([next.then(said), new Promise((resolve) => setTimeout(resolve, 300))])
      })
      .toEqual({ value: '1', notes: '' })
    await sessions.kill('one', id)
  })

  test('randomness is drawn anew', async () => {
    const id = await create('python')
    const seed =
      'import random; random.seed(1); state = random.getstate(); state == random.getstate()'
    expect(said(await run(id, seed)).value).toBe('True')
    await restart()
    expect(said(await run(id, 'state == random.getstate()')).value).toBe('False')
    await sessions.kill('one', id)
  })
})
