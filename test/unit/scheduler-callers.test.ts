import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { FakeExecutor } from '../support/fake-executor.ts'
import { recordWith } from '../support/record.ts'
import { add, never, nodejs, python, runNamed, scheduler, usePools } from '../support/scheduler.ts'

usePools()

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
