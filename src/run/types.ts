/**
 * The words of the core: what is asked, what is told while it goes on, and how it ended. All of it is plain
 * data. A front door builds a RunRequest from its protocol and shows a RunOutcome in its protocol; no word
 * of a protocol stands here.
 */

/** What one run may use. Each member is at most the server's; the template's own limits stand beside. */
export interface RunLimits {
  /** Wall time of the user's program. */
  readonly wallTimeMs: number
  /** Processor time of the run, all of its processes together; absent: what fits into the wall time. */
  readonly cpuTimeMs?: number
  /** Memory that the run may add to what its idle executor holds. */
  readonly memoryBytes: number
  readonly cpus: number
  /** Processes of the user's program, its runner included. */
  readonly processes: number
  readonly openFiles: number
  /** Size of the writable folder `/workspace`. */
  readonly workspaceBytes: number
  /** Of each of stdout and stderr, and of all that a cell shows. */
  readonly outputBytes: number
  readonly resultBytes: number
  readonly artifacts: number
  readonly artifactBytes: number
}

/**
 * How a program is run. `function`: its `main` is called with the arguments, and what it returns is the
 * result. `script`: it is run from its first line to its last. `cell`: as a script, and the value of its
 * last expression is the result, in several forms, beside what it displays.
 */
export type RunMode = 'function' | 'script' | 'cell'

export interface Program {
  /** UTF-8 source. */
  readonly code: Buffer
  readonly mode: RunMode
  /** JSON text of an object, as the caller wrote it: no number loses a digit on the way. */
  readonly argumentsJson: Buffer
  /** What follows the program's own name. */
  readonly argv: readonly string[]
}

/** A file that is put into the working directory before the program starts. */
export interface InputFile {
  /** From the working directory, with `/` between; checked by the front door and again where it is written. */
  readonly path: string
  readonly content: Buffer
}

export interface RunRequest {
  readonly id: string
  /** The caller on whose account the run is: the name of a key, or an address. */
  readonly caller: string
  /** Whose executor it takes: the name of a runtime, or of a template. */
  readonly template: string
  readonly program: Program
  /** Null: there is no input, reads end at once. */
  readonly stdin: Buffer | null
  /** Added to the environment that every program gets. */
  readonly env: Readonly<Record<string, string>>
  readonly files: readonly InputFile[]
  /** Members that are absent are the template's. */
  readonly limits: Partial<RunLimits>
  /** Globs of files that are collected; null: all that is new or changed. */
  readonly collect: readonly string[] | null
}

/** What is told while a run goes on, in order. Bytes may end inside a character. */
export type RunEvent =
  | { readonly type: 'started'; readonly queueMs: number }
  | { readonly type: 'stdout' | 'stderr'; readonly bytes: Buffer }
  | { readonly type: 'display'; readonly data: MimeBundle }

/** JSON values by media type; of one thing, in several forms. */
export type MimeBundle = Readonly<Record<string, unknown>>

/**
 * The first cause that ended a run. `exit`: by itself, with an exit code. `signal`: a signal ended it.
 * `time`, `memory`, `output`: it passed that limit. `refused`: the code policy refused it, nothing has run;
 * `detail` has its findings, a line for each. `interfered`: it spoke in its supervisor's place, so that
 * nothing it said can be believed. `result`: it ended well, but what it gave back is not JSON or too deep;
 * `detail` says which.
 */
export type RunEnd =
  | 'exit'
  | 'signal'
  | 'time'
  | 'memory'
  | 'output'
  | 'refused'
  | 'interfered'
  | 'result'

/** A file that the program made or changed. */
export interface OutputFile {
  /** From the working directory, with `/` between. */
  readonly path: string
  readonly content: Buffer
}

/** Why a file was not handed over. */
export type LeftOutReason = 'number' | 'size' | 'time' | 'unreadable' | 'name'

/** A file that was not handed over. */
export interface LeftOut {
  readonly path: string
  /** In bytes; 0 where it was not looked at. */
  readonly size: number
  readonly reason: LeftOutReason
}

/** What the runner says of the error that ended a program. */
export interface RunError {
  readonly name: string
  readonly message: string
  /** As the language prints it. */
  readonly traceback: string
  /** Of the user's code, from 1; null where it is not known. */
  readonly line: number | null
}

/** What a program was denied, by the errors that it told and the refusals that were counted. */
export type Denied = 'network' | 'file' | 'syscall'

export interface RunUsage {
  readonly wallMs: number
  readonly cpuMs: number
  /** The most that the run held beyond its idle executor. */
  readonly peakMemoryBytes: number
}

/** Where the time of a run went, in milliseconds. */
export interface RunTimings {
  /** From its arrival until it had an executor. */
  readonly queueMs: number
  /** From the hand-over to the executor until its last word. */
  readonly executeMs: number
  /** From there until the outcome was made of it. */
  readonly collectMs: number
}

/** How a run ended, and all that it left: output, result and files of every end, good or bad. */
export interface RunOutcome {
  readonly end: RunEnd
  /** Null unless it ended by itself; of `memory` it tells apart an error that was raised from a kill. */
  readonly exitCode: number | null
  /** Number of the signal that ended it, where one did. */
  readonly signal: number | null
  readonly stdout: Buffer
  readonly stderr: Buffer
  /** The stream that passed its limit, where that is known. */
  readonly flooded: 'stdout' | 'stderr' | 'result' | 'displays' | null
  /** Null unless the runner told of an error. */
  readonly error: RunError | null
  /** Null unless it failed because it was denied something. */
  readonly denied: Denied | null
  /**
   * Valid JSON text of what the program gave back; null: it gave nothing. Of a cell it is a MIME bundle: the
   * value of the last expression.
   */
  readonly resultJson: string | null
  /** What a cell displayed, in order, without the value of its last expression. */
  readonly displays: readonly MimeBundle[]
  readonly files: readonly OutputFile[]
  readonly filesLeftOut: readonly LeftOut[]
  /** What no other member tells, for a person; null: nothing. */
  readonly detail: string | null
  readonly usage: RunUsage
  readonly timings: RunTimings
}

export interface RunOptions {
  /** The caller has gone: a run that waits leaves the queue, one that runs is ended. */
  readonly signal: AbortSignal
  /** Told once, when an executor has taken the run: its request waits no more. Must not throw. */
  readonly onStart?: (() => void) | undefined
  /**
   * Told synchronously, in order; must not throw. Output is told up to its limit, and is in the outcome as
   * well. For doors that stream: a run whose output was told is not tried again when its end could not be
   * observed.
   */
  readonly onEvent?: ((event: RunEvent) => void) | undefined
  /**
   * Awaited once, when an executor has taken the run and none of its code has run; what it throws ends the
   * run. For runs whose beginning has to be written down: such a run is not tried again once its code may
   * have run.
   */
  readonly beforeCode?: (() => Promise<void>) | undefined
}

/** Runs programs. What the program does wrong is an outcome; it throws ManagerError for our failures alone. */
export interface Runs {
  start(request: RunRequest, options: RunOptions): Promise<RunOutcome>
}
