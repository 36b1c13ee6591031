import { Readable, Writable } from 'node:stream'
import { expect, test } from 'vitest'
import { Budget } from '../../src/api/accounts.ts'
import { Commands, NoRoomForOutput } from '../../src/sessions/commands.ts'
import { RING_BYTES, wordBytes } from '../../src/sessions/kept-command.ts'
import type { Channels } from '../../src/supervisor/channels.ts'

/** What commands that outlive their requests hold on their callers' accounts. */

const program = { argv: ['true'], cwd: '/', env: {}, user: { uid: 1000, gid: 1000 } }
const notes = (env: Record<string, string>) => ({ tag: 'a', env, wallTimeMs: null })
const many = Object.fromEntries(
  Array.from({ length: 10_000 }, (_, index) => [`VARIABLE_${index}`, 'x'.repeat(10)]),
)

/** Channels whose processes run until they are released. */
function channelsOf() {
  const released: number[] = []
  const ends: (() => void)[] = []
  const start = async () => {
    const pid = ends.length + 1
    const stream = () => new Readable({ read: () => {} })
    let end = () => {}
    const exited = new Promise((resolve) => {
      end = () => resolve({ exitCode: 0, signal: 0 })
    })
    ends.push(end)
    const release = () => released.push(pid)
    const stdin = new Writable({ write: (_chunk, _encoding, done) => done() })
    return { pid, channel: pid, stdin, stdout: stream(), stderr: stream(), exited, release }
  }
  return { channels: { start } as unknown as Channels, released, ends }
}

const budgetOf = (perCaller: number, total = perCaller) =>
  new Budget({ perCaller, total, evictFirst: 'oldest' })

test('arguments and variables are on the account', async () => {
  const budget = budgetOf(2 ** 30)
  const { channels } = channelsOf()
  const commands = new Commands('ann', budget)
  const argv = ['echo', 'y'.repeat(100_000)]
  await commands.start(channels, { ...program, argv }, notes(many))
  const held = budget.heldFor('ann')
  expect(held).toBe(RING_BYTES + wordBytes({ argv, cwd: '/', env: many, tag: 'a' }))
  // Of each variable its name and its value, as strings.
  expect(held).toBeGreaterThan(RING_BYTES + 200_000 + 10_000 * 2 * 64)
  commands.close()
  expect(budget.heldFor('ann')).toBe(0)
})

test('a command whose words have no room is ended', async () => {
  const { channels, released } = channelsOf()
  const commands = new Commands('ann', budgetOf(2 * RING_BYTES))
  await expect(commands.start(channels, program, notes(many))).rejects.toThrow(NoRoomForOutput)
  expect(released).toEqual([1])
  expect(commands.list()).toEqual([])
  await commands.start(channels, program, notes({ A: 'b' }))
  expect(commands.list()).toHaveLength(1)
})

test('variables are kept while the command runs', async () => {
  const { channels, ends } = channelsOf()
  const command = await new Commands('ann', null).start(channels, program, notes({ A: 'b' }))
  expect(command.record.env).toEqual({ A: 'b' })
  ends[0]?.()
  await command.ended
  expect(command.record).toMatchObject({ end: 'exit', env: {}, argv: ['true'], tag: 'a' })
})

test('what another caller needs the room for is dropped', async () => {
  const argv = ['echo', 'y'.repeat(100_000), 'z']
  const held = RING_BYTES + wordBytes({ argv, cwd: '/', env: many, tag: 'a' })
  const budget = budgetOf(2 * held, 1.5 * held)
  const { channels } = channelsOf()
  const commands = new Commands('ann', budget)
  const command = await commands.start(channels, { ...program, argv }, notes(many))
  expect(budget.open('bob', () => {}).add(0.6 * held)).toBe(true)
  expect(command.record.env).toEqual({})
  expect(command.record.argv.join(' ')).toHaveLength(4096)
  expect(command.record.argv[0]).toBe('echo')
})
