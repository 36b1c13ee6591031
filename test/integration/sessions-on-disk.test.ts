import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { programOf } from '../../src/sessions/user.ts'
import {
  bash,
  create,
  home,
  open,
  places,
  sessions,
  stateOf,
  states,
  useBashSessions,
} from '../support/bash-sessions.ts'

useBashSessions()

describe('a session that was on disk', () => {
  test('has no more memory after it has slept', async () => {
    const { id } = await create()
    // Files there are memory of the sandbox: 180 MB of its 256 MiB.
    await bash(id, 'for d in /tmp /var/tmp /dev/shm; do head -c 60000000 /dev/zero > $d/x; done')
    expect((await sessions.pause('one', id))?.state).toBe('hibernated')
    const more = await bash(id, 'printf -v x %150000000d 1; echo survived').catch(() => 'ended')
    expect(more).not.toContain('survived')
    await sessions.kill('one', id)
  })

  test('survives a stop of the service, with its processes', async () => {
    const { id } = await create()
    await bash(id, 'echo before > file; (sleep 1000; true) > /dev/null 2>&1 & echo $! > pid')
    await sessions.stop()
    expect(places).toBe(0)
    open()
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
    open()
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
    open(1000)
    const { id } = await create()
    const long = bash(id, 'echo one; until [ -e go ]; do sleep 0.1; done; echo two; cat')
    await expect.poll(() => sessions.get('one', id)?.checkpoint, { timeout: 60_000 }).not.toBeNull()
    expect(await bash(id, 'touch go')).toBe('')
    expect(await long).toBe('one\ntwo\n')
    expect(states).toContain('hibernating: saved')
    await sessions.kill('one', id)
  })
})
