import { expect, test } from 'vitest'
import { hasPendingKill } from '../../src/engine/runsc/pending-kill.ts'

const status = (parent: number, thread: string, shared: string) =>
  `Name:\texe\nPPid:\t${parent}\nSigQ:\t0/9\nSigPnd:\t${thread}\nShdPnd:\t${shared}\nSigBlk:\t0000000000000100\n`
const none = '0000000000000000'
const kill = '0000000000000100'

test('tells a kill of the sentry or the gofer, and not one of what the sentry made', () => {
  const killed = (all: Record<number, string>) =>
    hasPendingKill(Object.keys(all).map(Number), (pid) => {
      if (!all[pid]) throw new Error('gone')
      return all[pid]
    })
  expect(killed({ 5: status(1, none, none), 6: status(5, kill, none) })).toBe(false)
  expect(killed({ 5: status(1, none, none), 7: status(1, kill, none) })).toBe(true)
  expect(killed({ 5: status(1, none, '0000000000004100'), 6: status(5, none, none) })).toBe(true)
  expect(killed({ 5: status(1, none, '0000000000004000') })).toBe(false)
  expect(killed({ 5: '' })).toBe(false)
  expect(hasPendingKill([process.pid])).toBe(false)
  expect(hasPendingKill([])).toBe(false)
})
