import type { Executor } from '../../src/pool/executor.ts'
import type { RunRecord } from '../../src/run/record.ts'
import type { Task } from '../../src/run/task.ts'
import type { RunEvent } from '../../src/run/types.ts'
import { recordWith } from './record.ts'

/** An executor without a sandbox, whose life is in the hands of a test. */
export class FakeExecutor implements Executor {
  readonly id: string
  readonly ended: Promise<void>
  /** Its sandbox dies by itself. */
  die: () => void = () => {}
  /** Ends the run that is under way. */
  finish: (record: RunRecord) => void = () => {}
  fail: (error: Error) => void = () => {}
  isHalted = false
  disposals = 0
  task: Task | null = null
  /** Tells what the program says. */
  tell: ((event: RunEvent) => void) | undefined

  constructor(id: string) {
    this.id = id
    this.ended = new Promise((resolve) => {
      this.die = resolve
    })
  }

  run(task: Task, signal: AbortSignal, onEvent?: (event: RunEvent) => void): Promise<RunRecord> {
    this.task = task
    this.tell = onEvent
    return new Promise((resolve, reject) => {
      this.finish = resolve
      this.fail = reject
      signal.addEventListener('abort', () => resolve(recordWith({}, { intervention: 'cancelled' })))
    })
  }

  halt(): void {
    this.isHalted = true
  }

  async dispose(): Promise<void> {
    this.disposals++
    this.die()
  }
}
