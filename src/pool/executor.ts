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
   * Runs the task; may be called once, and not after runKept(). Resolves also when user code fails or the sandbox dies: the record says
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

/** An executor that a caller keeps for several runs. */
export interface KeptExecutor extends Executor {
  /**
   * Runs the task as run() does, in the interpreter that has run the tasks before: the variables and files of one
   * cell are there for the next. May be called again as long as takesRuns tells so; the executor is frozen
   * between two runs. A run that passes its time limit, or that of stdout or stderr, or whose caller goes,
   * is interrupted; if it does not end then, the executor does.
   * @throws ManagerError as run(); RUN_CANCELLED when the caller had gone before
   */
  runKept(task: Task, signal: AbortSignal, onEvent?: (event: RunEvent) => void): Promise<RunRecord>
  /** Whether a run can be begun. */
  readonly takesRuns: boolean
}

/**
 * Makes one executor and gets it ready.
 * @throws ManagerError ENGINE_FAILED
 */
export type ExecutorFactory = () => Promise<Executor>
