import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { type ExecutorSource, Scheduler } from '../../src/dispatch/scheduler.ts'
import { ManagerError } from '../../src/errors.ts'
import type { RunEvent } from '../../src/run/types.ts'
import type { FakeExecutor } from '../support/fake-executor.ts'
import { recordWith } from '../support/record.ts'
import {
  add,
  NO_BOUND,
  never,
  nodejs,
  python,
  runNamed,
  scheduler,
  usePools,
} from '../support/scheduler.ts'

usePools()

describe('with an executor at hand', () => {
  test('its start is told once, and its output as it comes', async () => {
    const plan = scheduler()
    const [first, second] = [add(python, 'a'), add(python, 'b')]
    const told: (string | RunEvent)[] = []
    const submitted = plan.submit(
      { ...runNamed('x'), onStart: () => told.push('start'), onEvent: (event) => told.push(event) },
      never(),
    )
    await turn()
    expect(told).toMatchObject(['start', { type: 'started' }])
    first.fail(new ManagerError('EXECUTOR_LOST', 'no code has run'))
    await turn()
    const output = { type: 'stdout', bytes: Buffer.from('x') } as const
    second.tell?.(output)
    expect(told.slice(2)).toEqual([output])
    second.finish(recordWith())
    await submitted
  })

  test('a run whose output was told is not tried again', async () => {
    const plan = scheduler()
    const executor = add(python, 'a')
    add(python, 'b')
    const submitted = plan.submit({ ...runNamed('x'), onEvent: () => {} }, never())
    await turn()
    executor.tell?.({ type: 'stdout', bytes: Buffer.from('x') })
    executor.fail(new ManagerError('RUN_UNOBSERVED', 'too busy'))
    await expect(submitted).rejects.toMatchObject({ code: 'RUN_UNOBSERVED' })
  })

  test('a run has it at once, and it is given back afterwards', async () => {
    const plan = scheduler()
    const executor = add(python, 'a')
    const submitted = plan.submit(runNamed('x'), never())
    await turn()
    expect(executor.task?.code.toString()).toBe('x')
    expect(plan.running).toBe(1)
    const record = recordWith()
    executor.finish(record)
    const done = await submitted
    expect(done.record).toBe(record)
    expect(done.timings.queueMs).toBeGreaterThanOrEqual(0)
    expect(done.timings.executeMs).toBeGreaterThanOrEqual(0)
    expect(python.released).toEqual([executor])
    expect(plan.running).toBe(0)
  })

  test('one that fails is given back as well', async () => {
    const plan = scheduler()
    const executor = add(python, 'a')
    const submitted = plan.submit(runNamed('x'), never())
    await turn()
    executor.fail(new Error('pipe'))
    await expect(submitted).rejects.toThrow('pipe')
    expect(python.released).toEqual([executor])
  })

  test.each(['EXECUTOR_LOST', 'RUN_UNOBSERVED'] as const)(
    'one that failed us is replaced by another, once: %s',
    async (code) => {
      const plan = scheduler()
      const lost = () => new ManagerError(code, "not the program's fault")
      const executors = ['a', 'b', 'c'].map((name) => add(python, name))
      const [first, second, third] = executors as [FakeExecutor, FakeExecutor, FakeExecutor]
      const submitted = plan.submit(runNamed('x'), never())
      await turn()
      first.fail(lost())
      await turn()
      expect(second.task?.code.toString()).toBe('x')
      const record = recordWith()
      second.finish(record)
      expect((await submitted).record).toBe(record)
      expect(python.released).toEqual([first, second])

      const fourth = add(python, 'd')
      const again = plan.submit(runNamed('y'), never())
      await turn()
      third.fail(lost())
      await turn()
      fourth.fail(lost())
      await expect(again).rejects.toMatchObject({ code })
    },
  )

  test('a caller who goes cancels the run', async () => {
    const plan = scheduler()
    const executor = add(python, 'a')
    const caller = new AbortController()
    const submitted = plan.submit(runNamed('x'), caller.signal)
    await turn()
    caller.abort()
    await expect(submitted).rejects.toMatchObject({ code: 'RUN_CANCELLED' })
    expect(python.released).toEqual([executor])
  })
})

describe('the queue', () => {
  test('first come, first served', async () => {
    const plan = scheduler()
    const names = ['first', 'second', 'third']
    for (const name of names) void plan.submit(runNamed(name), never())
    expect(plan.queued).toBe(3)
    const executors = names.map((name) => add(python, name))
    plan.wake('python')
    await turn()
    expect(executors.map(({ task }) => task?.code.toString())).toEqual(names)
    expect(plan.queued).toBe(0)
  })

  test('nobody overtakes one that waits', async () => {
    const plan = scheduler()
    void plan.submit(runNamed('early'), never())
    const executor = add(python, 'a')
    void plan.submit(runNamed('late'), never())
    plan.wake('python')
    await turn()
    expect(executor.task?.code.toString()).toBe('early')
    expect(plan.queued).toBe(1)
  })

  test('runtimes do not wait for each other', async () => {
    const plan = scheduler()
    void plan.submit(runNamed('waits'), never())
    const executor = add(nodejs, 'a')
    void plan.submit(runNamed('x', 'nodejs'), never())
    await turn()
    expect(executor.task?.code.toString()).toBe('x')
  })

  test('who waits too long is told that the pool is busy', async () => {
    const plan = scheduler({ queueWaitMs: 5 })
    await expect(plan.submit(runNamed('x'), never())).rejects.toMatchObject({ code: 'POOL_BUSY' })
    expect(plan.queued).toBe(0)
    // An executor that comes now is for the next one.
    const executor = add(python, 'a')
    plan.wake('python')
    void plan.submit(runNamed('next'), never())
    await turn()
    expect(executor.task?.code.toString()).toBe('next')
  })

  test('is bounded over all runtimes', async () => {
    const plan = scheduler({ queueLength: 2 })
    void plan.submit(runNamed('1'), never())
    void plan.submit(runNamed('2', 'nodejs'), never())
    await expect(plan.submit(runNamed('3'), never())).rejects.toMatchObject({ code: 'POOL_BUSY' })
    expect(plan.queued).toBe(2)
  })

  test('a caller who goes leaves it', async () => {
    const plan = scheduler()
    const caller = new AbortController()
    const left = plan.submit(runNamed('left'), caller.signal)
    void plan.submit(runNamed('stays'), never())
    caller.abort()
    await expect(left).rejects.toMatchObject({ code: 'RUN_CANCELLED' })
    expect(plan.queued).toBe(1)
    const executor = add(python, 'a')
    plan.wake('python')
    await turn()
    expect(executor.task?.code.toString()).toBe('stays')
  })

  test('a caller who has gone already never enters it', async () => {
    const plan = scheduler()
    const gone = plan.submit(runNamed('x'), AbortSignal.abort())
    await expect(gone).rejects.toMatchObject({ code: 'RUN_CANCELLED' })
    expect(plan.queued).toBe(0)
  })
})

describe('stop', () => {
  test('refuses who waits and who comes, what runs goes on', async () => {
    const plan = scheduler()
    const executor = add(python, 'a')
    const running = plan.submit(runNamed('runs'), never())
    const waiting = plan.submit(runNamed('waits'), never())
    await turn()
    plan.stop()
    await expect(waiting).rejects.toMatchObject({ code: 'SHUTTING_DOWN' })
    const late = plan.submit(runNamed('late'), never())
    await expect(late).rejects.toMatchObject({ code: 'SHUTTING_DOWN' })
    let isIdle = false
    const idle = plan.idle().then(() => {
      isIdle = true
    })
    await turn()
    expect(isIdle).toBe(false)
    executor.finish(recordWith())
    await running
    await idle
  })

  test('a run that is cut off is told of the shut-down, unless it ended by itself', async () => {
    const plan = scheduler()
    const executors = [add(python, 'a'), add(python, 'b')]
    const runs = executors.map(() => plan.submit(runNamed('x'), never()))
    await turn()
    plan.stop()
    executors[1]?.finish(recordWith())
    plan.cut()
    await expect(runs[0]).rejects.toMatchObject({ code: 'SHUTTING_DOWN' })
    expect((await runs[1])?.record.transcript.report).not.toBeNull()
  })

  test('is idle at once when nothing runs', async () => {
    await scheduler().idle()
  })
})

test('a runtime may be added later', async () => {
  const sources = new Map<string, ExecutorSource>()
  const plan = new Scheduler(sources, { ...NO_BOUND, queueLength: 1 })
  sources.set('bash', nodejs as ExecutorSource)
  void plan.submit(runNamed('x', 'bash'), never())
  expect(plan.queued).toBe(1)
})

test('a runtime that nobody knows is an error of ours', async () => {
  await expect(scheduler().submit(runNamed('x', 'ruby'), never())).rejects.toThrow('ruby')
})
