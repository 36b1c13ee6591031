import { setImmediate as turn } from 'node:timers/promises'
import { beforeEach, describe, expect, test } from 'vitest'
import {
  type ExecutorSource,
  Scheduler,
  type SchedulerOptions,
  type UnreadAnswers,
} from '../../src/dispatch/scheduler.ts'
import { ManagerError } from '../../src/errors.ts'
import { plainTask } from '../../src/run/task.ts'
import type { RunEvent } from '../../src/run/types.ts'
import { FakeExecutor } from '../support/fake-executor.ts'
import { LIMITS } from '../support/limits.ts'
import { recordWith } from '../support/record.ts'

const LONG_MS = 60_000

/** The signal of a caller who stays. */
const never = () => new AbortController().signal

/** Gives the executors that a test puts in. */
class FakeSource implements ExecutorSource<FakeExecutor> {
  readonly ready: FakeExecutor[] = []
  readonly released: FakeExecutor[] = []

  expectLease(): void {}

  canLease(leave: number): boolean {
    return this.ready.length > leave
  }

  tryLease(): FakeExecutor | null {
    return this.ready.shift() ?? null
  }

  release(executor: FakeExecutor): void {
    this.released.push(executor)
  }
}

let python: FakeSource
let nodejs: FakeSource

beforeEach(() => {
  python = new FakeSource()
  nodejs = new FakeSource()
})

const NO_BOUND = {
  queueWaitMs: LONG_MS,
  queueLength: 10,
  queueLengthPerCaller: 10,
  queueBytes: 1e9,
  queueBytesPerCaller: 1e9,
  maxExecutors: 100,
  poolSize: 4,
}

function scheduler(options: Partial<SchedulerOptions> = {}, answers?: UnreadAnswers): Scheduler {
  const sources = new Map<string, ExecutorSource>([
    ['python', python as ExecutorSource],
    ['nodejs', nodejs as ExecutorSource],
  ])
  return new Scheduler(sources, { ...NO_BOUND, ...options }, answers)
}

function runNamed(name: string, runtime = 'python', caller = 'somebody') {
  return { caller, runtime, task: plainTask(Buffer.from(name), LIMITS) }
}

function add(source: FakeSource, name: string): FakeExecutor {
  const executor = new FakeExecutor(name)
  source.ready.push(executor)
  return executor
}

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
    const facts = recordWith()
    executor.finish(facts)
    const done = await submitted
    expect(done.facts).toBe(facts)
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
      const facts = recordWith()
      second.finish(facts)
      expect((await submitted).facts).toBe(facts)
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
    expect((await runs[1])?.facts.transcript.report).not.toBeNull()
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

describe('between callers', () => {
  test("one caller's flood does not keep another's first run waiting", async () => {
    const plan = scheduler({ poolSize: 1 })
    for (let i = 0; i < 5; i++) {
      void plan.submit(runNamed(`flood-${i}`, 'python', 'flooder'), never()).catch(() => {})
    }
    void plan.submit(runNamed('quiet', 'python', 'other'), never()).catch(() => {})
    const executors = ['a', 'b', 'c'].map((name) => add(python, name))
    plan.wake('python')
    await turn()
    const got = executors.map((executor) => executor.task?.code.toString())
    expect(got).toEqual(['flood-0', 'quiet', 'flood-1'])
  })

  test('when the queue is full, the youngest of the longest line goes for a caller without one', async () => {
    const plan = scheduler({ queueLength: 3 })
    const flood = [0, 1, 2].map((i) => plan.submit(runNamed(`${i}`, 'python', 'flooder'), never()))
    const quiet = plan.submit(runNamed('quiet', 'nodejs', 'other'), never())
    await expect(flood[2]).rejects.toMatchObject({ code: 'POOL_BUSY' })
    const executor = add(nodejs, 'a')
    plan.wake('nodejs')
    await turn()
    expect(executor.task?.code.toString()).toBe('quiet')
    executor.finish(recordWith())
    await quiet
    expect(plan.queued).toBe(2)
    plan.stop()
    await Promise.allSettled(flood)
  })

  test('while another waits, one that has its share starts no more; alone it may have all', async () => {
    const plan = scheduler({ maxExecutors: 4, poolSize: 1 })
    const executors = ['a', 'b', 'c', 'd'].map((name) => add(python, name))
    for (let i = 0; i < 3; i++) void plan.submit(runNamed(`${i}`, 'python', 'flooder'), never())
    await turn()
    expect(plan.running).toBe(3)
    void plan.submit(runNamed('waits', 'nodejs', 'other'), never())
    void plan.submit(runNamed('3', 'python', 'flooder'), never())
    plan.wake('python')
    await turn()
    // One is ready and nobody else wants it, but what it runs would take from the one that waits.
    expect(plan.running).toBe(3)
    add(nodejs, 'e')
    plan.wake('nodejs')
    await turn()
    await turn()
    expect(plan.running).toBe(5)
    expect(executors[3]?.task?.code.toString()).toBe('3')
  })

  test('one with a run in hand leaves the last ready executor to others that were there lately', async () => {
    const plan = scheduler({ poolSize: 2 })
    const submit = (code: string, caller: string) =>
      plan.submit(runNamed(code, 'python', caller), never())
    const executors = ['a', 'b', 'c', 'd'].map((name) => add(python, name))
    const [a, b, c, d] = executors as [FakeExecutor, FakeExecutor, FakeExecutor, FakeExecutor]
    const honest = submit('honest', 'other')
    a.finish(recordWith())
    await honest
    const floods = ['1', '2', '3'].map((code) => submit(code, 'flooder'))
    await turn()
    expect([b, c, d].map(({ task }) => task?.code.toString())).toEqual(['1', '2', undefined])
    // One that waits in the queue before it does not keep it waiting.
    const again = submit('again', 'other')
    await turn()
    expect(d.task?.code.toString()).toBe('again')
    const e = add(python, 'e')
    plan.wake('python')
    await turn()
    expect(e.task).toBeNull()
    // With no run in hand it may have the last one.
    for (const executor of [b, c]) executor.finish(recordWith())
    await Promise.all(floods.slice(0, 2))
    await turn()
    expect(e.task?.code.toString()).toBe('3')
    for (const executor of [d, e]) executor.finish(recordWith())
    await Promise.all([...floods, again])
  })

  test('a substitute is taken only beside another that is ready', async () => {
    const plan = scheduler({ poolSize: 2 })
    const [first, last] = [add(nodejs, 'a'), add(nodejs, 'b')]
    const run = (code: string) => plan.submit({ ...runNamed(code), substitute: 'nodejs' }, never())
    const runs = [run('1'), run('2')]
    await turn()
    expect(first.task?.code.toString()).toBe('1')
    expect(last.task).toBeNull()
    const own = add(python, 'c')
    plan.wake('python')
    await turn()
    expect(own.task?.code.toString()).toBe('2')
    for (const executor of [first, own]) executor.finish(recordWith())
    await Promise.all(runs)
  })

  test('one that was held back starts when a run of its own ends', async () => {
    const plan = scheduler({ maxExecutors: 2 })
    const [first, second] = [add(python, 'a'), add(python, 'b')]
    const runs = [plan.submit(runNamed('1', 'python', 'flooder'), never())]
    void plan.submit(runNamed('waits', 'nodejs', 'other'), never())
    void plan.submit(runNamed('2', 'python', 'flooder'), never())
    await turn()
    expect(second.task).toBeNull()
    first.finish(recordWith())
    await Promise.all(runs)
    await turn()
    expect(second.task?.code.toString()).toBe('2')
  })

  test('the runs and the bytes that wait are bounded for each', async () => {
    const plan = scheduler({ queueLengthPerCaller: 2, queueBytesPerCaller: 10 })
    const submit = (code: string, caller: string) =>
      plan.submit(runNamed(code, 'python', caller), never())
    const waiting = [submit('1', 'a'), submit('2', 'a')].map((run) => run.catch(() => {}))
    await expect(submit('3', 'a')).rejects.toMatchObject({ code: 'POOL_BUSY' })
    await expect(submit('123456789', 'b')).rejects.toMatchObject({ code: 'POOL_BUSY' })
    const other = submit('12345678', 'b').catch(() => {})
    expect(plan.queued).toBe(3)
    plan.stop()
    await Promise.all([...waiting, other])
  })
})

describe('answers that a caller has not read', () => {
  test('count as its runs in hand while another waits', async () => {
    const unread = {
      entriesOf: (caller: string) => (caller === 'slow' ? 1 : 0),
      hasRoom: () => true,
    }
    const plan = scheduler({ maxExecutors: 2 }, unread)
    add(python, 'a')
    void plan.submit(runNamed('waits', 'nodejs', 'other'), never())
    void plan.submit(runNamed('1', 'python', 'slow'), never())
    await turn()
    expect([plan.running, plan.queued]).toEqual([0, 2])
  })

  test('and when they fill its account, none of its runs starts before one is read', async () => {
    let hasRoom = false
    const unread = { entriesOf: () => 0, hasRoom: (caller: string) => caller !== 'slow' || hasRoom }
    const plan = scheduler({}, unread)
    const [first, second] = [add(python, 'a'), add(python, 'b')]
    void plan.submit(runNamed('1', 'python', 'slow'), never())
    void plan.submit(runNamed('2', 'python', 'other'), never())
    await turn()
    plan.wake('python')
    await turn()
    expect(first.task?.code.toString()).toBe('2')
    expect(second.task).toBeNull()
    hasRoom = true
    plan.answerGone()
    await turn()
    expect(second.task?.code.toString()).toBe('1')
  })
})
