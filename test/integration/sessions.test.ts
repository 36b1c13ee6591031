import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { projectDir, readConfig } from '../../src/config.ts'
import { RunscEngine } from '../../src/engine/runsc/engine.ts'
import type { InstalledRuntime } from '../../src/engine/runsc/installation.ts'
import { probePlatform } from '../../src/engine/runsc/platform.ts'
import { MIB } from '../../src/lib/units.ts'
import type { SandboxTemplates } from '../../src/sessions/engine.ts'
import { LocalSessions } from '../../src/sessions/local-sessions.ts'
import { Shelf } from '../../src/sessions/shelf.ts'
import type { IdleRules, SessionInfo } from '../../src/sessions/types.ts'
import { programOf, SESSION_ENV, SESSION_HOME, SESSION_USER } from '../../src/sessions/user.ts'
import { ensureInstallation } from '../../src/setup/install.ts'
import { ENDLESS_PLACES } from '../support/places.ts'
import { templatesOf } from '../support/session-templates.ts'

const home = mkdtempSync(path.join(tmpdir(), 'sessions-'))
const LIMITS = {
  memoryBytes: 256 * MIB,
  cpus: 1,
  processes: 64,
  openFiles: 256,
  workspaceBytes: 64 * MIB,
}
let engine: RunscEngine
let templates: SandboxTemplates
let sessions: LocalSessions
let places = 0
const states: string[] = []

function open(saveEveryMs: number | null = null): LocalSessions {
  return new LocalSessions(
    templates,
    {
      ...ENDLESS_PLACES,
      tryEnter: () => places < 3 && places++ >= 0,
      left: () => places--,
    },
    new Shelf(path.join(home, 'sessions'), true),
    { perCaller: 4, inAll: 6, saveEveryMs },
    { changed: ({ state }, why) => states.push(`${state}: ${why}`), notWritten: () => {} },
  )
}

beforeAll(async () => {
  const config = readConfig(process.env)
  const runtimes = path.join(projectDir(), 'runtimes')
  const installation = await ensureInstallation(
    config.home,
    runtimes,
    () => {},
    config.runsc,
    config.mayInstall,
  )
  const bash = installation.runtimes.find(({ runtime }) => runtime.name === 'bash')
  const { rootfs } = bash as InstalledRuntime
  const platform = await probePlatform({ ...installation, rootfs, home: config.home })
  const ignored = () => {}
  const events = new Proxy({} as Parameters<typeof RunscEngine.open>[4], { get: () => ignored })
  engine = await RunscEngine.open(installation, platform, null, null, events, {
    isShort: () => false,
  })
  const sandboxes = engine.sessionsFor(bash as InstalledRuntime, { ...config.limits, ...LIMITS })
  templates = templatesOf(new Map([['bash', sandboxes]]))
  sessions = open()
})
afterAll(async () => {
  await sessions.stop()
  await engine.close()
  rmSync(home, { recursive: true })
})

function create(idle: Partial<IdleRules> = {}, caller = 'one'): Promise<SessionInfo> {
  return sessions.create({
    caller,
    template: 'bash',
    env: { WORD: 'given' },
    metadata: {},
    idle: { freezeMs: null, hibernateMs: null, ...idle },
    ttlMs: 60_000,
  })
}

/** Runs a line of bash in a session. */
async function bash(id: string, line: string, caller = 'one'): Promise<string> {
  const use = await sessions.use(caller, id)
  if (!use) throw new Error('no such session')
  try {
    const started = await use.channels.start({
      argv: ['bash', '-c', line],
      cwd: SESSION_HOME,
      env: { ...SESSION_ENV, ...use.env },
      user: SESSION_USER,
    })
    started.stdin.end()
    const [stdout, stderr] = await Promise.all([
      text(started.stdout),
      text(started.stderr),
      started.exited,
    ])
    return stdout + stderr
  } finally {
    use.release()
  }
}
const stateOf = (id: string, caller = 'one') => sessions.get(caller, id)?.state

describe('a session', () => {
  test('keeps files and processes between uses', async () => {
    const { id, state } = await create()
    expect(state).toBe('ready')
    expect(await bash(id, 'pwd; id -u; echo $WORD; echo kept > file')).toBe(
      '/home/user\n1000\ngiven\n',
    )
    expect(await bash(id, 'cat file')).toBe('kept\n')
    expect(await sessions.kill('one', id)).toBe(true)
    expect(sessions.get('one', id)).toBeNull()
    expect(await sessions.kill('one', id)).toBe(false)
  })

  test('is nobody else’s', async () => {
    const { id } = await create()
    expect(sessions.get('other', id)).toBeNull()
    expect(await sessions.use('other', id)).toBeNull()
    expect(sessions.setTtl('other', id, 1)).toBeNull()
    expect(await sessions.pause('other', id)).toBeNull()
    expect(await sessions.kill('other', id)).toBe(false)
    expect(sessions.list('other')).toEqual([])
    expect(sessions.list('one').map((info) => info.id)).toEqual([id])
    await sessions.kill('one', id)
  })

  test('is frozen and hibernated when it is idle, and wakes by use with its processes', async () => {
    const { id } = await create({ freezeMs: 0, hibernateMs: 0 })
    await bash(
      id,
      'touch pipe; (while read word; do echo $word >> heard; done < <(tail -f pipe)) > /dev/null 2>&1 & true',
    )
    await expect.poll(() => stateOf(id), { timeout: 60_000 }).toBe('hibernated')
    expect(places).toBe(0)
    expect(readdirSync(path.join(home, 'sessions'))).toEqual([id])
    expect(
      await bash(id, 'echo one >> pipe; until [ -s heard ]; do sleep 0.1; done; cat heard'),
    ).toBe('one\n')
    await sessions.kill('one', id)
    expect(readdirSync(path.join(home, 'sessions'))).toEqual([])
  })

  test('that is idle makes room for another, and none in use does', async () => {
    const first = await create()
    const second = await create()
    const third = await create({}, 'other')
    const fourth = await create({}, 'other')
    expect(stateOf(first.id)).toBe('hibernated')
    const uses = await Promise.all([
      sessions.use('one', second.id),
      sessions.use('other', third.id),
      sessions.use('other', fourth.id),
    ])
    await expect(sessions.use('one', first.id)).rejects.toMatchObject({ code: 'POOL_BUSY' })
    for (const use of uses) use?.release()
    expect(await bash(first.id, 'echo back')).toBe('back\n')
    for (const { id } of sessions.list('one')) await sessions.kill('one', id)
    for (const { id } of sessions.list('other')) await sessions.kill('other', id)
    expect(places).toBe(0)
  })

  test('is refused beyond the caller’s number', async () => {
    for (let i = 0; i < 4; i++) await create()
    await expect(create()).rejects.toMatchObject({ code: 'HELD_TOO_MUCH' })
    for (const { id } of sessions.list('one')) await sessions.kill('one', id)
  })

  test('has no more memory after it has slept', async () => {
    const { id } = await create()
    // Files there are memory of the sandbox: 180 MB of its 256 MiB.
    await bash(id, 'for d in /tmp /var/tmp /dev/shm; do head -c 60000000 /dev/zero > $d/x; done')
    expect((await sessions.pause('one', id))?.state).toBe('hibernated')
    const more = await bash(id, 'printf -v x %150000000d 1; echo survived').catch(() => 'ended')
    expect(more).not.toContain('survived')
    await sessions.kill('one', id)
  })

  test('leaves a word of its end, and not of more than may be at once', async () => {
    const ids: string[] = []
    for (let i = 0; i < 6; i++) {
      const { id } = await create()
      ids.push(id)
      await bash(id, 'kill -9 1').catch(() => '')
      await expect.poll(() => stateOf(id)).toBe('dead')
    }
    const told = ids.filter((id) => sessions.get('one', id))
    expect(told).toEqual(ids.slice(-5))
  })

  test('survives a stop of the service, with its processes', async () => {
    const { id } = await create()
    await bash(id, 'echo before > file; (sleep 1000; true) > /dev/null 2>&1 & echo $! > pid')
    await sessions.stop()
    expect(places).toBe(0)
    sessions = open()
    expect(sessions.load()).toEqual({ found: 1, lost: 0, dropped: 0 })
    expect(stateOf(id)).toBe('hibernated')
    expect(sessions.get('other', id)).toBeNull()
    expect(await bash(id, 'cat file; kill -0 $(cat pid) && echo alive')).toBe('before\nalive\n')
    await sessions.kill('one', id)
  })

  test('survives a stop of the service, with its commands and what they said', async () => {
    const { id } = await create()
    const use = await sessions.use('one', id)
    const line = 'n=0; while read x; do n=$((n+1)); echo $n $x; done; echo over >&2; exit 5'
    const run = programOf(['bash', '-c', line], '', {})
    const command = await use?.commands.start(use.channels, run)
    const pty = await use?.commands.start(use.channels, {
      ...programOf(['bash', '-c', 'read x; stty size; echo $x'], '', {}),
      terminal: { columns: 90, rows: 20 },
    })
    await command?.write(Buffer.from('before\n'))
    await expect.poll(() => command?.span.next, { timeout: 30_000 }).toBe('1 before\n'.length)
    use?.release()
    await sessions.stop()
    sessions = open()
    expect(sessions.load()).toEqual({ found: 1, lost: 0, dropped: 0 })
    const known = sessions.commands('one', id)
    const [found, terminal] = [command, pty].map((one) => known?.get(one?.record.id ?? ''))
    const said = (name: string) =>
      (found?.outputNow(0) ?? [])
        .filter(({ stream }) => stream === name)
        .map(({ bytes }) => bytes.toString())
        .join('')
    expect(said('stdout')).toBe('1 before\n')
    // What is sent while it sleeps waits.
    void found?.write(Buffer.from('asleep\n'))
    const again = await sessions.use('one', id)
    void found?.write(Buffer.from('after\n'))
    found?.closeInput()
    terminal?.resize(100, 30)
    void terminal?.write(Buffer.from('typed\n'))
    await Promise.all([found?.ended, terminal?.ended])
    again?.release()
    expect(said('stdout')).toBe('1 before\n2 asleep\n3 after\n')
    expect(said('stderr')).toBe('over\n')
    expect(found?.record).toMatchObject({ end: 'exit', exitCode: 5 })
    const shown = Buffer.concat((terminal?.outputNow(0) ?? []).map(({ bytes }) => bytes)).toString()
    expect(shown).toContain('30 100\r\ntyped\r\n')
    await sessions.kill('one', id)
  })

  test('that loses its sandbox goes back to its checkpoint, when that is asked for', async () => {
    const { id } = await create()
    await bash(id, 'echo before > file')
    await sessions.pause('one', id)
    await bash(id, 'echo after > file; kill -9 1').catch(() => '')
    await expect.poll(() => stateOf(id), { timeout: 30_000 }).toBe('lost')
    const lost = sessions.get('one', id)
    expect(lost).toMatchObject({
      why: 'its sandbox ended',
      checkpoint: { bytes: expect.any(Number) },
    })
    const time = new Date(lost?.checkpoint?.atMs ?? 0).toISOString()
    await expect(sessions.use('one', id)).rejects.toThrow(time)
    await expect(sessions.resume('one', id)).rejects.toThrow(time)
    expect(await sessions.recover('other', id)).toBeNull()
    expect(await sessions.recover('one', id)).toMatchObject({ id, state: 'ready' })
    expect(await bash(id, 'cat file')).toBe('before\n')
    await sessions.kill('one', id)
    expect(places).toBe(0)
    expect(readdirSync(path.join(home, 'sessions'))).toEqual([])
  })

  test('that cannot be written to disk goes on', async () => {
    const { id } = await create()
    await bash(id, 'echo here > file')
    // Nobody can make a folder where a file is.
    const folder = path.join(home, 'sessions', id)
    rmSync(folder, { recursive: true })
    writeFileSync(folder, '')
    await expect(sessions.pause('one', id)).rejects.toMatchObject({ code: 'STORE_FAILED' })
    expect(sessions.get('one', id)).toMatchObject({
      state: 'ready',
      why: 'it could not be written to disk',
    })
    rmSync(folder)
    expect(await bash(id, 'cat file')).toBe('here\n')
    await sessions.kill('one', id)
  })

  test('is saved while it is used, and goes on', async () => {
    await sessions.stop()
    sessions = open(1000)
    const { id } = await create()
    const long = bash(id, 'echo one; until [ -e go ]; do sleep 0.1; done; echo two; cat')
    await expect.poll(() => sessions.get('one', id)?.checkpoint, { timeout: 60_000 }).not.toBeNull()
    expect(await bash(id, 'touch go')).toBe('')
    expect(await long).toBe('one\ntwo\n')
    expect(states).toContain('hibernating: saved')
    await sessions.kill('one', id)
  })

  test.each([
    ['kills its supervisor', 'kill -9 1'],
    ['takes more than its memory', 'printf -v x %600000000d 1'],
  ])('that %s is dead and says so', async (_, line) => {
    const { id } = await create()
    await bash(id, line).catch(() => '')
    await expect.poll(() => stateOf(id), { timeout: 30_000 }).toBe('dead')
    await expect(sessions.use('one', id)).rejects.toThrow('has ended')
    await expect.poll(() => places).toBe(0)
  })
})
