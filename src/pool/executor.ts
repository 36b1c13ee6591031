import type { RunRecord } from '../run/record.ts'
import type { Task } from '../run/task.ts'
import type { RunEvent } from '../run/types.ts'

/**
 * One sandbox made ready for one language and good for one run: what the pool asks of an engine.
 * Whoever made it disposes of it, whatever happened.
 */
export interface Executor {
  readonly id: string
  /** Resolves when the sandbox is gone, whoever ended it. */
  readonly ended: Promise<void>
  /**
   * Runs the task; once only. User code that fails, and a sandbox that dies, are facts.
   * @param signal ends the run early: nobody waits for its result any more
   * @param onEvent told of output as it comes, synchronously; must not throw
   * @throws ManagerError EXECUTOR_LOST when the sandbox ended before the run, so that no code ran;
   *   ENGINE_FAILED when the task could not be handed over
   */
  run(task: Task, signal: AbortSignal, onEvent?: (event: RunEvent) => void): Promise<RunRecord>
  /** Stops what is left of a run, so that it costs nothing until it is disposed of. */
  halt(): void
  /**
   * Destroys the sandbox and everything that belongs to it. May be called again. Resolves when nothing
   * of it is left, however often that has to be tried; rejects only when the engine stops before.
   */
  dispose(): Promise<void>
}

/** Makes one executor ready. @throws ManagerError ENGINE_FAILED */
export type ExecutorFactory = () => Promise<Executor>
