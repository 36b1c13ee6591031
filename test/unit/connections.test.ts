import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { Connections, maxConnections } from '../../src/api/connections.ts'

afterEach(() => vi.useRealTimers())

test.each([
  ['Max open files            1024                 524288               files', 512],
  ['Max open files            1000000              1000000              files', 8192],
  ['Max processes             9                    9                    processes', 8192],
  ['Max open files            unlimited            unlimited            files', 8192],
])('half of the descriptors, as far as memory bears it: %s', (line, most) => {
  expect(maxConnections(`Limit                     Soft Limit\n${line}\n`)).toBe(most)
})

test('this process has a limit', () => {
  expect(maxConnections()).toBeGreaterThan(100)
})

/** What Connections use of a socket. */
class FakeSocket extends EventEmitter {
  destroyed = false
  destroy(): void {
    this.destroyed = true
    this.emit('close')
  }
}

function connections(most: number, proxy = 'none') {
  vi.useFakeTimers({ toFake: ['performance'] })
  const table = new Connections(most, (address) => address === proxy)
  const open = (account: string) => {
    vi.advanceTimersByTime(10)
    const socket = new FakeSocket()
    table.add(socket as unknown as Socket, account)
    return socket
  }
  return {
    table,
    open,
    many: (count: number, account: string) => times(count, () => open(account)),
  }
}

const times = <T>(count: number, make: (index: number) => T) =>
  Array.from({ length: count }, (_, i) => make(i))
const indexesOfEnded = (sockets: FakeSocket[]) =>
  sockets.flatMap(({ destroyed }, index) => (destroyed ? [index] : []))

describe('when there are as many as there may be', () => {
  test('the one that waited longest goes, not the one that comes', () => {
    const { table, open } = connections(4)
    const all = times(6, (index) => open(`caller ${index}`))
    expect(indexesOfEnded(all)).toEqual([0, 1])
    expect([table.count, table.ended]).toEqual([4, 2])
  })

  test('the one with work stays; when it rests, its wait begins anew', () => {
    const { table, open } = connections(4)
    const all = times(4, (index) => open(`caller ${index}`))
    table.work(all[0] as object, null)
    table.rest(all[0] as object)
    table.work(all[1] as object, null)
    all.push(...times(2, (index) => open(`late caller ${index}`)))
    expect(indexesOfEnded(all)).toEqual([2, 3])
  })

  test('one with a key stays, unless others have come just now', () => {
    const { table, open } = connections(4)
    const keyed = open('caller')
    table.work(keyed, 'a')
    table.rest(keyed)
    const waiting = times(3, (index) => open(`caller ${index}`))
    vi.advanceTimersByTime(2000)
    const late = open('late')
    expect([keyed.destroyed, indexesOfEnded(waiting)]).toEqual([false, [0]])
    vi.advanceTimersByTime(2000)
    for (const socket of [...waiting, late]) socket.destroy()
    times(4, (index) => open(`later ${index}`))
    expect(keyed.destroyed).toBe(true)
  })

  test('and all have work, the youngest of the greediest goes', () => {
    const { table, many, open } = connections(8)
    const all = [
      ...many(2, 'a'),
      ...many(2, 'b'),
      ...many(2, 'c'),
      ...many(1, 'd'),
      ...many(1, 'e'),
    ]
    for (const socket of all) table.work(socket, null)
    const late = open('f')
    expect([late.destroyed, indexesOfEnded(all).length]).toEqual([false, 1])
    table.work(late, null)
    const [victim] = indexesOfEnded(all)
    expect([1, 3, 5]).toContain(victim)
  })

  test('one account has a quarter', () => {
    const { many, open } = connections(16)
    const greedy = many(6, 'greedy')
    expect(indexesOfEnded(greedy)).toEqual([0, 1])
    const other = open('other')
    expect([other.destroyed, indexesOfEnded(greedy)]).toEqual([false, [0, 1]])
  })

  test('and all of its account have work, the one that comes is not taken', () => {
    const { table, many, open } = connections(16)
    for (const socket of many(4, 'greedy')) table.work(socket, null)
    expect(open('greedy').destroyed).toBe(true)
  })

  test('callers behind a proxy share no account', () => {
    const { many } = connections(16, 'proxy')
    expect(indexesOfEnded(many(16, 'proxy'))).toEqual([])
  })
})

describe('a key', () => {
  test('has a quarter too: its idle connections go first, then it is refused', () => {
    const { table, open } = connections(8)
    const sockets = times(4, (index) => open(`address ${index}`))
    const [first, second, third, fourth] = sockets as [
      FakeSocket,
      FakeSocket,
      FakeSocket,
      FakeSocket,
    ]
    expect([table.work(first, 'k'), table.work(second, 'k')]).toEqual([true, true])
    expect(table.work(third, 'k')).toBe(false)
    table.rest(first)
    expect(table.work(fourth, 'k')).toBe(true)
    expect(first.destroyed).toBe(true)
    expect(table.work(second, 'k')).toBe(true)
  })
})

test('a connection that has closed takes no place, whatever comes after', () => {
  const { table, open } = connections(4)
  const socket = open('a')
  table.alias({ tls: true }, socket)
  table.work(socket, null)
  socket.destroy()
  table.rest(socket)
  table.work(socket, 'key')
  expect([table.count, table.ended]).toEqual([0, 0])
})
