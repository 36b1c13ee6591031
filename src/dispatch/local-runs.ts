import { ManagerError } from '../errors.ts'
import { checkResult } from '../run/check-result.ts'
import { judge } from '../run/judge.ts'
import type { RunRecord } from '../run/record.ts'
import type { RunLimits, RunMode, RunOptions, RunOutcome, RunRequest, Runs } from '../run/types.ts'
import { checkInput } from './run-input.ts'
import { limitsOfRun } from './run-limits.ts'
import type { AdmittedRun, ScheduleTimings } from './scheduler.ts'

/** The pools that serve a run. */
export interface Placing {
  readonly pool: string
  /** Another pool whose ready executor serves as well; null: none. */
  readonly substitute: string | null
}

/** What requests may name as their template. */
export interface Template {
  readonly limits: RunLimits
  /** Modes in which its runner can run a program. */
  readonly modes: readonly RunMode[]
  /** Paths in the working directory that are the runner's own. */
  readonly ownFiles: readonly string[]
  /** Chooses the pools by the caller and the program's text. */
  place(request: RunRequest): Placing
}

/** What LocalRuns needs of the scheduler. */
export interface Submitter {
  submit(
    run: AdmittedRun,
    signal: AbortSignal,
  ): Promise<{ record: RunRecord; timings: ScheduleTimings }>
}

/**
 * Checks a result that is too large to be checked in place.
 * @returns what is wrong with it, or null
 * @throws ManagerError REQUEST_NOT_READ, RUN_CANCELLED
 */
export type LargeResultCheck = (
  caller: string,
  result: Buffer,
  signal: AbortSignal,
) => Promise<string | null>

/** A larger result holds up whatever else is served for more than a millisecond. */
const LARGE_RESULT_BYTES = 64 * 1024

/** Runs programs in the executors of this process. */
export class LocalRuns implements Runs {
  readonly #scheduler: Submitter
  readonly #templates: ReadonlyMap<string, Template>
  readonly #checkLarge: LargeResultCheck

  /** @param templates by name; read with each run */
  constructor(
    scheduler: Submitter,
    templates: ReadonlyMap<string, Template>,
    checkLarge: LargeResultCheck,
  ) {
    this.#scheduler = scheduler
    this.#templates = templates
    this.#checkLarge = checkLarge
  }

  /**
   * Runs a program in an executor of its own and judges how it ended.
   * @throws ManagerError REQUEST_INVALID that names the member; POOL_BUSY, SHUTTING_DOWN, RUN_CANCELLED,
   *   EXECUTOR_LOST, RUN_UNOBSERVED, ENGINE_FAILED as Scheduler.submit(); REQUEST_NOT_READ
   */
  async start(
    request: RunRequest,
    { signal, onStart, onEvent, beforeCode }: RunOptions,
  ): Promise<RunOutcome> {
    const { caller, program, stdin, env, files, collect } = request
    const template = this.#templates.get(request.template)
    if (!template) {
      const why = `There is no template ${request.template}.`
      throw new ManagerError('REQUEST_INVALID', why, { field: 'template' })
    }
    checkInput(request, template)
    const limits = limitsOfRun(template.limits, request.limits)
    const { pool, substitute } = template.place(request)
    const { record, timings } = await this.#scheduler.submit(
      {
        caller,
        runtime: pool,
        substitute,
        task: { ...program, stdin, env, files, collect, limits },
        onStart,
        onEvent,
        beforeCode,
      },
      signal,
    )
    const ended = performance.now()
    const verdict = judge(record, limits, await this.#checkFor(request, record, signal))
    return { ...verdict, timings: { ...timings, collectMs: performance.now() - ended } }
  }

  async #checkFor(
    { caller }: RunRequest,
    { transcript: { result } }: RunRecord,
    signal: AbortSignal,
  ): Promise<(result: Buffer) => string | null> {
    if (result === null || result.length <= LARGE_RESULT_BYTES) return checkResult
    const fault = await this.#checkLarge(caller, result, signal)
    return () => fault
  }
}
