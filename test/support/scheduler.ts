import { beforeEach } from 'vitest'
import {
  type ExecutorSource,
  Scheduler,
  type SchedulerOptions,
  type UnreadAnswers,
} from '../../src/dispatch/scheduler.ts'
import { plainTask } from '../../src/run/task.ts'
import { FakeExecutor } from './fake-executor.ts'
import { LIMITS } from './limits.ts'

export const LONG_MS = 60_000

/** The signal of a caller who stays. */
export const never = () => new AbortController().signal

/** Gives the executors that a test puts in. */
export class FakeSource implements ExecutorSource<FakeExecutor> {
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

  empty(): void {
    this.ready.length = this.released.length = 0
  }
}

export const python = new FakeSource()
export const nodejs = new FakeSource()

/** Empties both pools before each test of a file. */
export function usePools(): void {
  beforeEach(() => {
    python.empty()
    nodejs.empty()
  })
}

/** A scheduler over both pools. */
export const scheduler = (options?: Partial<SchedulerOptions>, answers?: UnreadAnswers) =>
  schedulerOver({ python, nodejs }, options, answers)

export const NO_BOUND = {
  queueWaitMs: LONG_MS,
  queueLength: 10,
  queueLengthPerCaller: 10,
  queueBytes: 1e9,
  queueBytesPerCaller: 1e9,
  maxExecutors: 100,
  poolSize: 4,
}

/** A scheduler over two pools of fakes, without a bound that a test does not set. */
export function schedulerOver(
  sources: { python: FakeSource; nodejs: FakeSource },
  options: Partial<SchedulerOptions> = {},
  answers?: UnreadAnswers,
): Scheduler {
  const byName = new Map<string, ExecutorSource>(
    Object.entries(sources).map(([name, source]) => [name, source as ExecutorSource]),
  )
  return new Scheduler(byName, { ...NO_BOUND, ...options }, answers)
}

export function runNamed(name: string, runtime = 'python', caller = 'somebody') {
  return { caller, runtime, task: plainTask(Buffer.from(name), LIMITS) }
}

export function add(source: FakeSource, name: string): FakeExecutor {
  const executor = new FakeExecutor(name)
  source.ready.push(executor)
  return executor
}
