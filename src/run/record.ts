import type { LeftOutReason, MimeBundle, RunError } from './types.ts'

/** What ended a run first, as the supervisor says; `told`: the manager had it ended. */
export type Cause = 'ended' | 'wall_time' | 'output' | 'told'

/** What a program hands over has a limit for each of these. */
export type OutputStream = 'stdout' | 'stderr' | 'result' | 'displays'

/** The supervisor's last word. Measured inside the sandbox: a program may have forged every field. */
export interface RunReport {
  readonly cause: Cause
  readonly exitCode: number
  /** The signal that ended the runner, or 0. */
  readonly signal: number
  /** What passed its limit where the cause is `output`; null: not told. */
  readonly flooded: OutputStream | null
  readonly artifactsLeftOut: number
}

/** What the runner says of an exception that nobody caught. */
export interface Failure {
  readonly name: string
  /** POSIX error number of an OSError (Python). */
  readonly errno: number | null
  /** Error code such as EACCES (Node.js). */
  readonly code: string | null
  readonly memory: boolean
  /** No connection could be made or kept, or no host be found. */
  readonly network: boolean
  /** A script ended with the exit code of its last command, not by `exit`. */
  readonly lastCommand: boolean
}

/** A file that the program made. */
export interface ArtifactFile {
  /** From the working directory, with `/` between; may be any bytes. */
  readonly path: Buffer
  readonly content: Buffer
}

/** A file that the program made and the supervisor did not send. */
export interface LeftOutFile {
  readonly path: Buffer
  /** 0 where it was not looked at. */
  readonly size: number
  readonly reason: LeftOutReason
}

/** What a sandbox said in its run. Everything in it may be forged by the program that ran. */
export interface Transcript {
  stdout: Buffer[]
  stderr: Buffer[]
  /** JSON text that the runner calls the result; not yet checked to be JSON. */
  result: Buffer | null
  /** What a cell displayed, in order. */
  displays: MimeBundle[]
  /** Of a cell, the value of its last expression. */
  value: MimeBundle | null
  /** What the runner says of the result, for a person. */
  note: string | null
  failure: Failure | null
  /** What was printed of that exception, where the runner printed it itself. */
  printedError: Omit<RunError, 'name'> | null
  /** What the code policy found. Heard only as the first word of a run. */
  refused: string | null
  /** Files that the program made, in every outcome. */
  artifacts: ArtifactFile[]
  /** The first of those that were not sent; the report tells how many there are. */
  leftOut: LeftOutFile[]
  report: RunReport | null
  /** Set when the sandbox said more than a limit or what the protocol does not know. */
  violation: 'output' | 'protocol' | null
  /**
   * The sandbox ended before it had read the whole task, which ends with the frame that starts the
   * program: no code has run.
   */
  isTaskUnread: boolean
  /** What passed its limit where the violation is `output`; null: not known. */
  flooded: OutputStream | null
}

/** All that is known of a run when its sandbox is about to be destroyed. */
export interface RunRecord {
  /** What the sandbox said: hostile. */
  readonly transcript: Transcript
  /** What the manager did to end it, or null when it ended by itself. */
  readonly intervention: 'deadline' | 'cpu_time' | 'cancelled' | null
  /** Counted by the kernel outside of the sandbox. */
  readonly outOfMemoryKills: number
  /** Whether the sandbox had a network. */
  readonly hasNetwork: boolean
  /** Connections and names that the network policy refused; looked at only after a network error. */
  readonly refusedConnections: number
  /** The most that the run held beyond its idle executor. */
  readonly peakMemoryBytes: number
  readonly cpuTimeMs: number
  readonly wallTimeMs: number
}
