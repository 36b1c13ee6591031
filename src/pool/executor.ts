import type { RunRecord } from '../run/record.ts'
import type { Task } from '../run/task.ts'
import type { RunEvent } from '../run/types.ts'

/**
 * One sandbox made ready for one language, for one run. This is what the pool needs of an engine. Its owner
 * has to call dispose(), however the run ended.
 */
export interface Executor {
  readonly id: string
  /** Resolves when the sandbox has ended, for whatever reason. */
  readonly ended: Promise<void>
  /**
   * Runs the task; may be called once. Resolves also when user code fails or the sandbox dies: the record says
   * so.
   * @param signal ends the run early, when no caller waits for its result any more
   * @param onEvent called with output as it comes, synchronously; must not throw
   * @throws ManagerError EXECUTOR_LOST when the sandbox ended before the run, so that no code ran;
   *   ENGINE_FAILED when the task could not be handed over
   */
  run(task: Task, signal: AbortSignal, onEvent?: (event: RunEvent) => void): Promise<RunRecord>
  /** Freezes what is left of a run, so that it uses no processor time until dispose(). */
  halt(): void
  /**
   * Destroys the sandbox and everything that belongs to it. May be called again. Retries until nothing is left,
   * and resolves then. Rejects only when the engine stops before that.
   */
  dispose(): Promise<void>
}

/**
 * Makes one executor and gets it ready.
 * @throws ManagerError ENGINE_FAILED
 */
export type ExecutorFactory = () => Promise<Executor>
