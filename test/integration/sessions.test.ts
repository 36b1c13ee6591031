import { readdirSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  bash,
  create,
  home,
  places,
  sessions,
  stateOf,
  useBashSessions,
} from '../support/bash-sessions.ts'

useBashSessions()

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
