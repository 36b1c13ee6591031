import { beforeEach, describe, expect, test } from 'vitest'
import { CapacityLimit } from '../../src/pool/capacity-limit.ts'
import type { KeptSandbox, KeptSandboxes } from '../../src/sessions/engine.ts'
import { ReadySandboxes } from '../../src/sessions/ready-sandboxes.ts'
import { Residence } from '../../src/sessions/residence.ts'

/** A sandbox without a process. */
class FakeSandbox {
  readonly channels = {}
  readonly baseBytes = 1
  isFrozen = false
  isDisposed = false
  end: () => void = () => {}
  readonly ended = new Promise<void>((resolve) => {
    this.end = resolve
  })
  async freeze() {
    this.isFrozen = true
    return true
  }
  thaw() {
    this.isFrozen = false
  }
  async dispose() {
    this.isDisposed = true
    this.end()
  }
}

let places: number
let isBusy: boolean
let failure: Error | null
let failures: string[]
let made: FakeSandbox[]
let memory: Residence

const sandboxesOf = (key: string) =>
  ({
    key,
    limits: { memoryBytes: 1 },
    kernels: { byName: new Map(), limits: {} },
    create: async (isAwaited = true) => {
      expect(isAwaited).toBe(false)
      if (failure) throw failure
      const sandbox = new FakeSandbox()
      made.push(sandbox)
      return sandbox as unknown as KeptSandbox
    },
  }) as unknown as KeptSandboxes
const python = sandboxesOf('python')
const bash = sandboxesOf('bash')

beforeEach(() => {
  places = 3
  isBusy = false
  failure = null
  failures = []
  made = []
  memory = new Residence(
    {
      needed: () => 1,
      most: 3,
      tryEnter: () => places > 0 && places-- > 0,
      isMakingMost: false,
      isWanted: false,
      changed: async () => {},
      made: () => {},
      left: () => places++,
    },
    async () => false,
  )
})

function open(size = 1): ReadySandboxes {
  const failed = (template: string, error: Error) => failures.push(`${template}: ${error.message}`)
  return new ReadySandboxes({ size, mayMake: () => !isBusy, failed }, memory)
}

async function settle(ready: ReadySandboxes, rounds = 5): Promise<void> {
  for (let i = 0; i < rounds; i++) {
    ready.look()
    await new Promise(setImmediate)
  }
}
const countOf = (ready: ReadySandboxes) => ready.counts().map(({ count }) => count)

describe('ready sandboxes', () => {
  test('are made of templates in use, stand still, and are replaced when they are taken', async () => {
    const ready = open(2)
    await settle(ready)
    expect(made).toEqual([])
    expect(ready.take('one', 'python', python)).toBeNull()
    await settle(ready)
    expect(countOf(ready)).toEqual([2])
    expect(made.every(({ isFrozen }) => isFrozen)).toBe(true)
    const taken = ready.take('one', 'python', python)
    expect(taken?.sandbox).toBe(made[0])
    expect(made[0]?.isFrozen).toBe(false)
    expect(countOf(ready)).toEqual([1])
    await settle(ready)
    expect(countOf(ready)).toEqual([2])
    expect(places).toBe(0)
    expect(ready.take('one', 'bash', bash)).toBeNull()
  })

  test('wait while runs need the processors, and where no place is free', async () => {
    const ready = open()
    ready.want('python', python)
    isBusy = true
    await settle(ready)
    expect(countOf(ready)).toEqual([0])
    isBusy = false
    places = 0
    await settle(ready)
    expect(countOf(ready)).toEqual([0])
    expect(failures).toEqual([])
    places = 1
    await settle(ready)
    expect(countOf(ready)).toEqual([1])
  })

  test('give memory back, that of the template first that is least in use, and are not made again at once', async () => {
    const ready = open()
    ready.want('bash', bash)
    await new Promise((resolve) => setTimeout(resolve, 2))
    ready.want('python', python)
    await settle(ready)
    expect(countOf(ready)).toEqual([1, 1])
    expect(await ready.giveUp()).toBe(true)
    expect(countOf(ready)).toEqual([0, 1])
    expect(places).toBe(2)
    await settle(ready)
    expect(countOf(ready)).toEqual([0, 1])
    expect(await ready.giveUp()).toBe(true)
    expect(await ready.giveUp()).toBe(false)
    expect(made.every(({ isDisposed }) => isDisposed)).toBe(true)
  })

  test('are not tried again at once when one could not be made', async () => {
    const ready = open()
    failure = new Error('no disk')
    ready.want('python', python)
    await settle(ready)
    expect(failures).toEqual(['python: no disk'])
    expect(places).toBe(3)
    expect(ready.take('one', 'python', python)).toBeNull()
  })

  test('that die while they wait are gone, and are replaced', async () => {
    const ready = open()
    ready.want('python', python)
    await settle(ready)
    made[0]?.end()
    await settle(ready)
    expect(made).toHaveLength(2)
    expect(made[0]?.isDisposed).toBe(true)
    expect(countOf(ready)).toEqual([1])
    expect(places).toBe(2)
  })

  test('are all gone when they are closed, those that are being made too', async () => {
    const ready = open(2)
    ready.want('python', python)
    await settle(ready, 2)
    ready.look()
    await ready.close()
    expect(places).toBe(3)
    expect(made.every(({ isDisposed }) => isDisposed)).toBe(true)
    await settle(ready)
    expect(places).toBe(3)
    expect(ready.take('one', 'python', python)).toBeNull()
  })

  test('are given to no caller that has its share of the memory, and count for the one that has them', async () => {
    const ready = open()
    ready.want('python', python)
    for (let i = 0; i < 2; i++) {
      await settle(ready)
      expect(ready.take('one', 'python', python)).not.toBeNull()
    }
    await settle(ready)
    expect(ready.take('one', 'python', python)).toBeNull()
    const taken = ready.take('other', 'python', python)
    expect(taken).not.toBeNull()
    await memory.release(made[0] as unknown as KeptSandbox)
    expect(places).toBe(1)
    await settle(ready)
    expect(ready.take('one', 'python', python)).not.toBeNull()
  })

  test('are none where none are wanted', async () => {
    const ready = open(0)
    ready.want('python', python)
    await settle(ready)
    expect(ready.counts()).toEqual([])
  })
})

test('a pool that finds no place says so, and has it when it is given up', () => {
  const capacity = new CapacityLimit(2, 2)
  const sessions = capacity.join(0, () => {})
  const pool = capacity.join(1, () => {})
  const short: unknown[] = []
  capacity.onShort = (member) => short.push(member)
  expect(capacity.tryEnter(sessions)).toBe(true)
  expect(capacity.tryEnter(sessions)).toBe(false)
  capacity.made()
  expect(capacity.tryEnter(pool)).toBe(true)
  capacity.made()
  expect(capacity.tryEnter(pool)).toBe(false)
  expect(short).toEqual([sessions, pool])
  capacity.left(sessions)
  expect(capacity.tryEnter(pool)).toBe(true)
})
