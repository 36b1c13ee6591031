/** Generated from the OpenAPI document by `npm run generate`: do not edit. */

export type Batch = {
  /** Runs that have nothing in common. */
  runs: Run[]
} | {
  /** One program. */
  run: Run
  /** It is run once for each of them; what an input has goes before what the run has. */
  inputs: BatchInput[]
}

export interface BatchAnswer {
  /** In the order of the request. */
  results: BatchResult[]
}

export interface BatchInput {
  /** Mode function: what main is called with, by name. Numbers arrive as they are written. */
  arguments?: Record<string, unknown> | undefined
  /** Arguments of the program, behind its own name. */
  argv?: string[] | undefined
  /** What the program reads from stdin. Without it, reads end at once. */
  stdin?: string | null | undefined
}

/** An outcome, or why there is none. */
export type BatchResult = Outcome | {
  problem: Problem
}

export interface Callback {
  /** Where to: https://… or http://… */
  url: string
  /** Signs the call; by default the one that the operator has set. */
  secret?: string | undefined
}

export interface Command {
  id: string
  /** Of the process in its sandbox. */
  pid: number
  argv: string[]
  cwd: string
  terminal: boolean
  status: 
    | 'running'
    | 'succeeded'
    | 'failed'
    | 'lost'
  exit_code: number | null
  /** The signal that ended it, such as SIGTERM. */
  signal: string | null
  started_at: string
  ended_at: string | null
  output: OutputSpan
}

export interface CommandList {
  commands: Command[]
}

export interface CommandOutcome {
  status: 
    | 'succeeded'
    | 'failed'
    | 'timed_out'
    | 'output_limit'
    | 'canceled'
    | 'lost'
  /** null unless the command ended by itself. */
  exit_code: number | null
  /** The signal that ended it, such as SIGTERM. */
  signal: string | null
  /** Bytes that are not UTF-8 become U+FFFD. */
  stdout: string
  stderr: string
  wall_ms: number
}

export interface CommandOutput {
  stdout: string
  stderr: string
  /** Bytes after offset that are not there any more. */
  dropped: number
  next_offset: number
  running: boolean
}

export interface CommandRequest {
  /** A line for bash. */
  command?: string | undefined
  /** A program and its arguments, instead of command. */
  argv?: string[] | undefined
  /** From the home, unless it is absolute. */
  cwd?: string | undefined
  /** Added to the variables of the session. */
  env?: Record<string, string> | undefined
  /** Without it, reads end at once; in the background, stdin stays open. */
  stdin?: string | null | undefined
  /** root where the template has it. */
  user?: 'user' | 'root' | undefined
  /** Answer at once; the command goes on when the request is over. */
  background?: boolean | undefined
  /** Wall time in milliseconds; not of one in the background. */
  wall_ms?: number | undefined
}

export interface Context {
  id: string
  language: string
  /** new: its process is started with its first run. lost: its process has ended, and its variables are gone; the next run starts another. */
  state: 
    | 'new'
    | 'idle'
    | 'busy'
    | 'lost'
  /** The folder that it began in. */
  cwd: string
  execution_count: number
  /** Runs that wait for their turn. */
  waiting: number
  created_at: string
}

export interface ContextList {
  contexts: Context[]
}

export interface ContextRequest {
  /** A language of the template, such as python. */
  language: string
  /** The folder that it begins in: from the home, unless it is absolute. */
  cwd?: string | undefined
  /** Added to the variables of the session. */
  env?: Record<string, string> | undefined
}

/** The program shows something. */
export interface EventDisplay {
  data: MimeBundle
}

/** The run has ended; the last event. */
export type EventDone = Outcome

/** There is no outcome; the last event. */
export type EventError = Problem

/** The run has an executor. */
export interface EventStarted {
  id: string
  queue_ms: number
}

/** The program has written to stderr. */
export interface EventStderr {
  text: string
}

/** The program has written to stdout. */
export interface EventStdout {
  text: string
}

export interface FileEntry {
  /** From the folder; of one entry alone, as it was asked for. */
  path: string
  type: 
    | 'file'
    | 'folder'
    | 'link'
    | 'other'
  /** Octal, such as 644. */
  mode: string
  size: number
  modified_at: string
  /** Where a link leads. */
  target: string | null
}

export interface FileLeftOut {
  path: string
  size: number
  reason: 
    | 'number'
    | 'size'
    | 'time'
    | 'unreadable'
    | 'name'
}

export interface FileList {
  entries: FileEntry[]
}

export interface FolderRequest {
  /** From the home, unless it is absolute. */
  path: string
}

export interface ForkedSessions {
  sessions: Session[]
}

export interface InputFile {
  /** Where it is put, from the working directory; folders are made. */
  path: string
  /** The content as text. */
  content?: string | undefined
  /** The content in base64, instead of content. */
  content_base64?: string | undefined
}

export interface Interrupted {
  /** Whether something ran. */
  interrupted: boolean
}

/** Each at most the limit of the template, which is also the default: GET /v1/templates. */
export interface Limits {
  /** Wall time in milliseconds. */
  wall_ms?: number | undefined
  /** Processor time in milliseconds, of all processes of the run together. */
  cpu_ms?: number | undefined
  /** Memory in MiB, beyond what the idle executor holds. */
  memory_mb?: number | undefined
  /** Of each of stdout and stderr, in bytes. */
  output_bytes?: number | undefined
  /** Processes and threads together, with those of the runner of the language. */
  processes?: number | undefined
}

/** One thing in several forms, by media type. Binary forms are base64. */
export type MimeBundle = Record<string, unknown>

export interface MoveRequest {
  /** From the home, unless it is absolute. */
  from: string
  /** From the home, unless it is absolute. */
  to: string
}

export interface Outcome {
  id: string
  /** How the run ended. A program that fails is no error of HTTP: that is 200. */
  status: 
    | 'succeeded'
    | 'failed'
    | 'timed_out'
    | 'out_of_memory'
    | 'output_limit'
    | 'refused'
    | 'canceled'
    | 'lost'
  /** null unless the program ended by itself. */
  exit_code: number | null
  /** The signal that ended it, such as SIGSEGV. */
  signal: string | null
  /** Bytes that are not UTF-8 become U+FFFD. */
  stdout: string
  stderr: string
  stdout_truncated: boolean
  stderr_truncated: boolean
  /** What main returned, as JSON; of a cell, the value of its last expression as a MimeBundle; null: nothing. */
  result: unknown
  /** What a cell displayed, in order, beside its value. */
  displays: MimeBundle[]
  error: RunError | null
  /** Files that the program made or changed. */
  files: OutputFile[]
  /** Files that are not among them, and why. */
  files_left_out: FileLeftOut[]
  usage: Usage
  timings: Timings
  /** What happened, in a sentence or two for a person. */
  detail: string
}

export interface OutputFile {
  path: string
  size: number
  media_type: string
  content_base64: string
}

/** Which bytes of its output are there, counted on both streams together. */
export interface OutputSpan {
  first_offset: number
  next_offset: number
}

/** RFC 9457 */
export interface Problem {
  type: 
    | '/problems/invalid-request'
    | '/problems/unauthorized'
    | '/problems/forbidden'
    | '/problems/not-permitted'
    | '/problems/not-found'
    | '/problems/method-not-allowed'
    | '/problems/key-in-use'
    | '/problems/not-read-yet'
    | '/problems/session-lost'
    | '/problems/context-busy'
    | '/problems/context-failed'
    | '/problems/body-too-slow'
    | '/problems/session-ended'
    | '/problems/body-too-large'
    | '/problems/unsupported-media-type'
    | '/problems/no-such-range'
    | '/problems/upgrade-required'
    | '/problems/key-reused'
    | '/problems/rate-limited'
    | '/problems/too-much-held'
    | '/problems/canceled'
    | '/problems/internal'
    | '/problems/lost'
    | '/problems/not-implemented'
    | '/problems/bad-gateway'
    | '/problems/no-executor'
    | '/problems/shutting-down'
    | '/problems/unavailable'
    | '/problems/storage-full'
  title: string
  status: number
  /** What is wrong with this request; names the field. */
  detail: string
  /** The request, as in the header X-Request-Id. */
  instance: string
  /** All that is wrong with the request. */
  errors?: {
    /** JSON Pointer of the field. */
    pointer: string
    detail: string
  }[] | undefined
}

export interface Run {
  /** A language of GET /v1/templates, such as python. Not needed with a template. */
  language?: string | undefined
  /** A template of GET /v1/templates; by default the one of the language. */
  template?: string | undefined
  /** The source, as plain text. */
  code: string
  /** script: run from the first line to the last. function: main is called with the arguments, and what it returns is the result. cell: as in a notebook: the value of the last expression is the result, as a MIME bundle, beside what the cell displays; await, and with Python magics and shell commands, may stand outside of functions. In bash a script. */
  mode?: 'script' | 'function' | 'cell' | undefined
  /** Mode function: what main is called with, by name. Numbers arrive as they are written. */
  arguments?: Record<string, unknown> | undefined
  /** Arguments of the program, behind its own name. */
  argv?: string[] | undefined
  /** What the program reads from stdin. Without it, reads end at once. */
  stdin?: string | null | undefined
  /** Variables that are added to the environment. */
  env?: Record<string, string> | undefined
  /** Files that are put into the working directory before the program starts. */
  files?: InputFile[] | undefined
  limits?: Limits | undefined
  /** What the program may reach; by default what the operator has set. More is refused. */
  network?: 'none' | 'egress' | undefined
  /** Globs of the files that come back. By default whatever is new or changed in the working directory. */
  collect?: string[] | undefined
  /** With Prefer: respond-async: what is called when the run has ended (Standard Webhooks). */
  callback?: Callback | undefined
}

/** What is sent to callback.url. */
export interface RunCompleted {
  type: 'run.completed'
  /** When the run ended. */
  timestamp: string
  data: {
    id: string
    status: 
      | 'succeeded'
      | 'failed'
      | 'timed_out'
      | 'out_of_memory'
      | 'output_limit'
      | 'refused'
      | 'canceled'
      | 'lost'
    detail: string
    /** Where the run is. */
    url: string
  }
}

export interface RunError {
  name: string
  message: string
  /** As the language prints it. */
  traceback: string
  /** Of the code that was sent, from 1. */
  line: number | null
}

export interface RunList {
  /** The youngest first. */
  runs: RunSummary[]
  /** For `before`: the next page; null: this is the last. */
  next: string | null
}

/** An accepted run. */
export interface RunState {
  id: string
  status: 
    | 'queued'
    | 'running'
    | 'succeeded'
    | 'failed'
    | 'timed_out'
    | 'out_of_memory'
    | 'output_limit'
    | 'refused'
    | 'canceled'
    | 'lost'
  /** What happens or has happened, for a person. */
  detail: string
  template: string
  created_at: string
  started_at: string | null
  ended_at: string | null
  /** When it is removed; null: not before it has ended. */
  expires_at: string | null
  /** null: it has not ended, or has no outcome. */
  outcome: StoredOutcome | null
  /** Why a run that has ended has no outcome. */
  problem: Problem | null
}

export interface RunSummary {
  id: string
  status: 
    | 'queued'
    | 'running'
    | 'succeeded'
    | 'failed'
    | 'timed_out'
    | 'out_of_memory'
    | 'output_limit'
    | 'refused'
    | 'canceled'
    | 'lost'
  /** What happens or has happened, for a person. */
  detail: string
  template: string
  created_at: string
  started_at: string | null
  ended_at: string | null
  /** When it is removed; null: not before it has ended. */
  expires_at: string | null
}

export interface Session {
  id: string
  template: string
  state: 
    | 'creating'
    | 'ready'
    | 'busy'
    | 'frozen'
    | 'hibernating'
    | 'hibernated'
    | 'waking'
    | 'lost'
    | 'dead'
  /** Why it is in this state. */
  why: string
  created_at: string
  expires_at: string
  idle: {
    freeze_ms: number | null
    hibernate_ms: number | null
  }
  metadata: Record<string, string>
  limits: {
    /** Memory in MiB, files included. */
    memory_mb: number
    /** Processors’ worth of time, such as 0.5. */
    cpus: number
    /** Processes and threads together. */
    processes: number
    /** Size of the home in MiB. */
    disk_mb: number
  }
  /** The last state of it that is on disk. */
  checkpoint: {
    created_at: string
    bytes: number
  } | null
  /** When it will be dropped for want of disk, unless it is used; null: it will not. */
  drops_at: string | null
}

export interface SessionChange {
  /** The session ends so long from now. */
  ttl_ms: number
}

export interface SessionFork {
  /** How many copies. */
  count?: number | undefined
}

/** Each at most the limit of the template, which is also the default. They hold as long as the session lives. Of a session of processes or disk_mb the sandbox is made when it is asked for. */
export interface SessionLimits {
  /** Memory in MiB, files included. */
  memory_mb?: number | undefined
  /** Processors’ worth of time, such as 0.5. */
  cpus?: number | undefined
  /** Processes and threads together. */
  processes?: number | undefined
  /** Size of the home in MiB. */
  disk_mb?: number | undefined
}

export interface SessionList {
  sessions: Session[]
}

export interface SessionOutcome {
  id: string
  /** As of an Outcome. lost: the session has ended before it. */
  status: 
    | 'succeeded'
    | 'failed'
    | 'timed_out'
    | 'out_of_memory'
    | 'output_limit'
    | 'refused'
    | 'canceled'
    | 'lost'
  /** null unless the program ended by itself. */
  exit_code: number | null
  /** The signal that ended it, such as SIGSEGV. */
  signal: string | null
  /** Bytes that are not UTF-8 become U+FFFD. */
  stdout: string
  stderr: string
  stdout_truncated: boolean
  stderr_truncated: boolean
  /** What main returned, as JSON; of a cell, the value of its last expression as a MimeBundle; null: nothing. */
  result: unknown
  /** What a cell displayed, in order, beside its value. */
  displays: MimeBundle[]
  error: RunError | null
  /** None: what the program made is among the session’s files. */
  files: OutputFile[]
  /** Files that are not among them, and why. */
  files_left_out: FileLeftOut[]
  usage: Usage
  timings: Timings
  /** What happened, in a sentence or two for a person. */
  detail: string
  /** Id of the context that ran it. */
  context: string
  /** Of runs in the process of the context. */
  execution_count: number
  /** Whether the process of the context has ended with it, and its variables with that. */
  context_lost: boolean
}

export interface SessionRequest {
  /** A runtime or a template. Without it: workspace where that is built, else python. */
  template?: string | undefined
  /** A snapshot of GET /v1/snapshots: the session begins as that was, and template counts no more. */
  snapshot?: string | undefined
  /** Variables of every process of the session. */
  env?: Record<string, string> | undefined
  /** Files that are put into the home before the session is answered. */
  files?: InputFile[] | undefined
  /** What it may use. A session from a snapshot is as that was. */
  limits?: SessionLimits | undefined
  /** none: it reaches nothing, whatever the operator allows. By default what the operator has set; more is refused. A session from a snapshot is as that was. */
  network?: 'none' | 'egress' | undefined
  /** Kept and told, for the caller’s own use. */
  metadata?: Record<string, string> | undefined
  /** The session ends so long after its last use. */
  ttl_ms?: number | undefined
  /** So long after its last use the processes of the session stand still, and its state goes to disk. null: never. A session whose processes compute is not idle. */
  idle?: {
    freeze_ms?: number | null | undefined
    hibernate_ms?: number | null | undefined
  } | undefined
}

export interface SessionResume {
  /** Take a session that is lost back to its last checkpoint. */
  from?: 'checkpoint' | undefined
}

export interface SessionRun {
  /** The source, as plain text. */
  code: string
  /** Id of a context; by default the default context of the language. */
  context?: string | undefined
  /** Whose default context runs it, where no context is said; by default the first language of the template. */
  language?: string | undefined
  /** As of a Run; all modes share the variables of the context. */
  mode?: 'script' | 'function' | 'cell' | undefined
  /** Mode function: what main is called with, by name. Numbers arrive as they are written. */
  arguments?: Record<string, unknown> | undefined
  /** Arguments of the program, behind its own name. */
  argv?: string[] | undefined
  /** What the program reads from stdin. Without it, reads end at once. */
  stdin?: string | null | undefined
  /** Files that are put into the folder of the context before the program starts. */
  files?: InputFile[] | undefined
  /** Wall time in milliseconds. A program that reaches it is interrupted, and its context is ended if that does not help. */
  wall_ms?: number | undefined
  /** Whether it waits where the context runs something. If not, the answer is 409. */
  wait?: boolean | undefined
}

export interface SignalRequest {
  signal?: 
    | 'SIGHUP'
    | 'SIGINT'
    | 'SIGQUIT'
    | 'SIGILL'
    | 'SIGTRAP'
    | 'SIGABRT'
    | 'SIGIOT'
    | 'SIGBUS'
    | 'SIGFPE'
    | 'SIGKILL'
    | 'SIGUSR1'
    | 'SIGSEGV'
    | 'SIGUSR2'
    | 'SIGPIPE'
    | 'SIGALRM'
    | 'SIGTERM'
    | 'SIGCHLD'
    | 'SIGSTKFLT'
    | 'SIGCONT'
    | 'SIGSTOP'
    | 'SIGTSTP'
    | 'SIGTTIN'
    | 'SIGTTOU'
    | 'SIGURG'
    | 'SIGXCPU'
    | 'SIGXFSZ'
    | 'SIGVTALRM'
    | 'SIGPROF'
    | 'SIGWINCH'
    | 'SIGIO'
    | 'SIGPOLL'
    | 'SIGPWR'
    | 'SIGSYS' | undefined
}

export interface SignedUrl {
  /** From the address of the service. */
  url: string
  expires_at: string
}

export type SignedUrlRequest = {
  method?: 'GET' | 'PUT' | undefined
  /** A file. */
  path: string
  /** How long the URL is valid. */
  ttl_ms?: number | undefined
} | {
  /** A server of the session. */
  port: number
  /** How long the URL is valid. */
  ttl_ms?: number | undefined
}

export interface Snapshot {
  id: string
  /** Of the session. */
  template: string
  created_at: string
  /** On disk. */
  bytes: number
  /** Of the session. */
  metadata: Record<string, string>
}

export interface SnapshotList {
  snapshots: Snapshot[]
}

export interface Status {
  status: 'ok'
  version: string
  uptime_ms: number
  /** Runs that wait for an executor. */
  queued: number
  executors: {
    pool: string
    state: string
    count: number
  }[]
}

export interface StdinRequest {
  text?: string | undefined
  /** Bytes, instead of text. */
  content_base64?: string | undefined
  /** Nothing more comes. */
  close?: boolean | undefined
}

export interface StoredFile {
  path: string
  size: number
  media_type: string
  /** Where its content is, for as long as the run is kept. */
  url: string
}

/** The outcome of an accepted run. */
export interface StoredOutcome {
  id: string
  /** How the run ended. A program that fails is no error of HTTP: that is 200. */
  status: 
    | 'succeeded'
    | 'failed'
    | 'timed_out'
    | 'out_of_memory'
    | 'output_limit'
    | 'refused'
    | 'canceled'
    | 'lost'
  /** null unless the program ended by itself. */
  exit_code: number | null
  /** The signal that ended it, such as SIGSEGV. */
  signal: string | null
  /** Bytes that are not UTF-8 become U+FFFD. */
  stdout: string
  stderr: string
  stdout_truncated: boolean
  stderr_truncated: boolean
  /** What main returned, as JSON; of a cell, the value of its last expression as a MimeBundle; null: nothing. */
  result: unknown
  /** What a cell displayed, in order, beside its value. */
  displays: MimeBundle[]
  error: RunError | null
  /** Files that the program made or changed. */
  files: StoredFile[]
  /** Files that are not among them, and why. */
  files_left_out: FileLeftOut[]
  usage: Usage
  timings: Timings
  /** What happened, in a sentence or two for a person. */
  detail: string
}

export interface Template {
  name: string
  /** Names that a run may say as language. */
  languages: string[]
  /** Of the language; null: not known. */
  version: string | null
  modes: string[]
  libraries: ({
    name: string
    version: string | null
  })[]
  /** Modules that are loaded before a program comes that names them: importing them takes no time. */
  preloaded: string[]
  network: 'none' | 'egress'
  limits: {
    /** Wall time in milliseconds. */
    wall_ms: number
    /** Processor time in milliseconds, of all processes of the run together. */
    cpu_ms: number
    /** Memory in MiB, beyond what the idle executor holds. */
    memory_mb: number
    /** Of each of stdout and stderr, in bytes. */
    output_bytes: number
    /** Processes and threads together, with those of the runner of the language. */
    processes: number
  }
}

export interface Templates {
  templates: Template[]
}

/** Where the time went: waiting for an executor, running, making the outcome. */
export interface Timings {
  queue_ms: number
  execute_ms: number
  collect_ms: number
}

export interface Usage {
  wall_ms: number
  cpu_ms: number
  peak_memory_bytes: number
}
