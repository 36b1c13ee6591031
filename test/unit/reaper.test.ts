import { beforeEach, describe, expect, test, vi } from 'vitest'
import { Reaper } from '../../src/engine/runsc/reaper.ts'

let stop: AbortController
let failed: string[]
let reaper: Reaper

beforeEach(() => {
  stop = new AbortController()
  failed = []
  reaper = new Reaper(stop.signal, (id) => failed.push(id), 1)
})

/** A removal that fails so many times. */
function failing(times: number) {
  return vi.fn(async () => {
    if (times-- > 0) throw new Error('busy')
  })
}

describe('a removal', () => {
  test('that succeeds is tried once', async () => {
    const step = failing(0)
    await reaper.remove('a', step)
    expect(step).toHaveBeenCalledTimes(1)
    expect(await reaper.settled()).toEqual([])
  })

  test('that fails is tried again every few seconds until it succeeds', async () => {
    const step = failing(3)
    await reaper.remove('a', step)
    expect(step).toHaveBeenCalledTimes(4)
    expect(failed).toEqual(['a', 'a', 'a'])
    expect(await reaper.settled()).toEqual([])
  })

  test('is tried once more when the manager stops, and is then told as left', async () => {
    reaper = new Reaper(stop.signal, (id) => failed.push(id), 3_600_000)
    const step = failing(100)
    const removal = reaper.remove('a', step)
    const end = expect(removal).rejects.toThrow('busy')
    await vi.waitFor(() => expect(failed).toEqual(['a']))
    stop.abort()
    await end
    expect(step).toHaveBeenCalledTimes(2)
    expect(await reaper.settled()).toEqual(['a'])
  })

  test('that begins after the stop is tried once', async () => {
    stop.abort()
    await expect(reaper.remove('a', failing(1))).rejects.toThrow('busy')
    expect(await reaper.settled()).toEqual(['a'])
  })
})
