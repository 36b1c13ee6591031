import type { InputFile, RunEvent, RunLimits, RunMode, RunOutcome } from '../run/types.ts'
import type { LinkState } from '../supervisor/kernel-link.ts'
import type { KernelMode } from '../supervisor/kernel-protocol.ts'

export type { KernelMode }

/** What runs the code of one language in sessions: a program that is started for each context. */
export interface Kernel {
  /** What a request says as `language`, and what its default context is called. */
  readonly language: string
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly modes: readonly RunMode[]
  /** Whether each run can have an input of its own. */
  readonly takesStdin: boolean
  /** Whether it answers questions about code (`ask`). */
  readonly answers: boolean
  /** What is written to its standard input for each run. */
  readonly call: string
  /** Whether a run can set variables of its environment. */
  readonly takesEnv: boolean
}

/** The kernels of a template. */
export interface Kernels {
  /** By language, each under all of its names. */
  readonly byName: ReadonlyMap<string, Kernel>
  /** Those of a run; a run in a session has at most these of output and result. */
  readonly limits: RunLimits
}

/**
 * `new`: no process has been started; the first run does. `idle`, `busy`: it has one. `lost`: that has ended, and its
 * variables are gone; the next run starts another.
 */
export type ContextState = 'new' | 'idle' | 'busy' | 'lost'

/** What is written down of a context while its session is on disk. */
export interface ContextRecord {
  readonly id: string
  readonly language: string
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  readonly createdAtMs: number
  readonly executionCount: number
  /** How often its process was started. */
  readonly starts: number
  /** Null: there is none. */
  readonly process: (LinkState & { readonly channel: number; readonly pid: number }) | null
  /** It is no context yet: its process waits for one. */
  readonly isSpare?: boolean
  /** Its process was started before it, and has not been told of its environment. */
  readonly isUntold?: boolean
}

/** What its caller is told of it. */
export interface ContextInfo
  extends Pick<ContextRecord, 'id' | 'language' | 'cwd' | 'createdAtMs' | 'executionCount'> {
  readonly state: ContextState
  /** Runs that wait for their turn. */
  readonly waiting: number
}

export interface ContextRequest {
  readonly language: string
  /** Absolute, or from the home. */
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
}

/** A run in a context. */
export interface ContextRun {
  readonly code: Buffer
  readonly mode: KernelMode
  /** Whether it leaves the count of executions as it is; by default it does not. */
  readonly isHidden?: boolean
  readonly argumentsJson: Buffer
  readonly argv: readonly string[]
  readonly stdin: Buffer | null
  /** Put into the folder of the context before it. */
  readonly files: readonly InputFile[]
  readonly wallTimeMs: number
  /** Whether it waits for its turn. */
  readonly waits: boolean
  /** Variables of the environment while it runs; after it they are as they were. */
  readonly env?: Readonly<Record<string, string>>
  /**
   * `errorsAlone`: the error that ends it is told, and not printed on stderr. `data`: what it shows has the data of
   * tables and charts among its forms (`runtimes/python/data_forms.py`). Neither, by default.
   */
  readonly tells?: { readonly errorsAlone: boolean; readonly data: boolean }
}

/** How a run in a context ended; `lost`: its session's sandbox ended before it. */
export interface ContextOutcome extends Omit<RunOutcome, 'end'> {
  readonly end: RunOutcome['end'] | 'lost'
  /** Of the context, with this run. */
  readonly executionCount: number
  /** Whether the process of the context has ended, and its variables with it. */
  readonly isContextLost: boolean
  /** What has become of the context and its variables, in sentences for a person; empty: nothing. */
  readonly notes: string
}

export interface ContextRunOptions {
  /** The caller has gone, or wants it to end: it is interrupted. */
  readonly signal: AbortSignal
  readonly onEvent?: (event: RunEvent) => void
}

/**
 * Why something cannot be done in a context: `unknown`, it does not exist; `busy`, it runs something, or too many runs
 * wait; `full`, there are as many as may be; `failed`, its process did not start.
 */
export class ContextError extends Error {
  readonly why: 'unknown' | 'busy' | 'full' | 'failed'

  constructor(why: ContextError['why'], message: string) {
    super(message)
    this.why = why
  }
}
