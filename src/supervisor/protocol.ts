/**
 * What is said between the manager and a sandbox. The other sides are
 * `runtimes/supervisor/supervisor.h` and the runners; change them together.
 */
import type { Task } from '../run/task.ts'
import type { RunLimits, RunMode } from '../run/types.ts'
import { encodeFrame, encodeHead } from './frames.ts'

/** To the supervisor. */
export const INPUT = 1
export const RUN = 2
/** These come before RUN, and only where there is something to hand over. */
export const FILE = 3
export const STDIN = 4
export const COLLECT = 5
/** Comes behind RUN: the program is ended now, and what it left is told. Only where END_MAY_COME was said. */
export const END = 6
/** As RUN, for one of several runs in one executor. */
export const RUN_KEPT = 7
/** In such a run: interrupts its program. */
export const INTERRUPT = 8

/** From the supervisor. */
export const STDOUT = 16
export const STDERR = 17
export const CONTROL = 18
export const ARTIFACT = 19
export const EXIT = 20
export const LEFT_OUT = 21
/** Before EXIT of a kept run: the executor takes another. */
export const NEXT = 22

/**
 * To the runner, through the supervisor. POLICY comes before PING, and only if there is one. MODE, a byte of
 * MODES, comes unless it is `function`; then ENV (NAME=value) for each variable, ARGV for each argument. KEEP
 * comes where the runner has to wait for another run when this one has ended.
 */
export const RUNNER = {
  PING: 1,
  CODE: 2,
  ARGUMENTS: 3,
  START: 4,
  POLICY: 5,
  MODE: 6,
  ENV: 7,
  ARGV: 8,
  KEEP: 9,
} as const
const MODES: Readonly<Record<RunMode, number>> = { function: 0, script: 1, cell: 2 }

/**
 * From the runner, in the CONTROL stream. REFUSED: the policy's findings; nothing was run. NOTE: what of
 * the result could not be told as it is, for a person. ERROR: what was printed of the exception that FAILURE
 * told of before. Of cells alone, JSON text of MIME bundles: DISPLAY, what was displayed, and VALUE, the value
 * of the last expression. ENDED: the exit code of a kept run, also where no supervisor asks for it.
 */
export const CONTROL_FRAME = {
  READY: 1,
  PONG: 2,
  RESULT: 3,
  FAILURE: 4,
  REFUSED: 5,
  NOTE: 6,
  ERROR: 7,
  DISPLAY: 8,
  VALUE: 9,
  ENDED: 10,
} as const

/** The supervisor relays in chunks of 64 KiB; its other frames have a size of their own. */
const RELAY_BYTES = 64 * 1024
const FAILURE_BYTES = 4096
const ERROR_BYTES = 32 * 1024
const REFUSED_BYTES = 32 * 1024
const NOTE_BYTES = 2048
const MAX_PATH_BYTES = 1024
export const LEFT_OUT_HEAD_BYTES = 1 + 8
/** `struct run_report`. */
export const REPORT_BYTES = 4 + 4
/** What CONTROL carries beside the result: READY, PONG, FAILURE, ERROR, REFUSED and the frames' heads. */
const CONTROL_MARGIN_BYTES = 64 * 1024

/** Returns what tells how many bytes a frame of each type may have; undefined: the type may not come. */
export function maxSupervisorPayload(limits: RunLimits): (type: number) => number | undefined {
  return (type) => {
    if (type === STDOUT || type === STDERR || type === CONTROL) return RELAY_BYTES
    if (type === ARTIFACT) return 2 + MAX_PATH_BYTES + limits.artifactBytes
    if (type === LEFT_OUT) return LEFT_OUT_HEAD_BYTES + MAX_PATH_BYTES
    if (type === EXIT) return REPORT_BYTES
    if (type === NEXT) return 0
    return undefined
  }
}

/**
 * Returns what tells how many bytes a control frame of each type may have; undefined: the type may not come.
 * @param roomToShow bytes that DISPLAY and VALUE may have; null: they may not come
 */
export function maxControlPayload(
  limits: RunLimits,
  roomToShow: number | null = null,
): (type: number) => number | undefined {
  return (type) => {
    if (isShown(type)) return roomToShow ?? undefined
    if (type === CONTROL_FRAME.READY || type === CONTROL_FRAME.PONG) return 0
    if (type === CONTROL_FRAME.ENDED) return 1
    if (type === CONTROL_FRAME.RESULT) return limits.resultBytes
    if (type === CONTROL_FRAME.FAILURE) return FAILURE_BYTES
    if (type === CONTROL_FRAME.ERROR) return ERROR_BYTES
    if (type === CONTROL_FRAME.REFUSED) return REFUSED_BYTES
    if (type === CONTROL_FRAME.NOTE) return NOTE_BYTES
    return undefined
  }
}

/** Tells whether a run may send MIME bundles: cells, and what runs in the interpreter of cells. */
export function mayShow(mode: RunMode, isKept: boolean): boolean {
  return mode === 'cell' || isKept
}

/** Tells whether a control frame is a MIME bundle. */
export function isShown(type: number): boolean {
  return type === CONTROL_FRAME.DISPLAY || type === CONTROL_FRAME.VALUE
}

/**
 * Returns how many bytes the control stream of a run may carry in all.
 * @param mayShow whether MIME bundles come
 */
export function maxControlBytes(limits: RunLimits, mayShow: boolean): number {
  const shown = mayShow ? limits.outputBytes : 0
  return limits.resultBytes + shown + CONTROL_MARGIN_BYTES
}

/**
 * Asks the runner to draw fresh randomness, to walk the way of a run once and to answer PONG.
 * @param policy the code policy as the runner takes it; null: the code is not inspected
 */
export function encodePing(policy: Buffer | null): Buffer {
  const frames = [...(policy ? [encodeFrame(RUNNER.POLICY, policy)] : []), encodeFrame(RUNNER.PING)]
  return encodeFrame(INPUT, Buffer.concat(frames))
}

/**
 * Returns what an executor is sent for its run: input first, then RUN, which is `struct run_limits` and the runner's
 * frames. In pieces, so that no large input is copied.
 * @param isKept whether others may follow in the same executor
 */
export function encodeRun(task: Task, isKept = false): Buffer[] {
  const { limits } = task
  const head = Buffer.alloc(8 * 4)
  const fields = [
    limits.wallTimeMs,
    limits.outputBytes,
    limits.outputBytes,
    maxControlBytes(limits, mayShow(task.mode, isKept)),
    limits.artifacts,
    limits.artifactBytes,
    limits.cpuTimeMs === undefined ? 0 : END_MAY_COME,
    limits.processes,
  ]
  fields.forEach((value, index) => {
    head.writeUInt32LE(value, index * 4)
  })
  const payload = Buffer.concat([
    head,
    ...(isKept ? [encodeFrame(RUNNER.KEEP)] : []),
    ...settingFrames(task),
    encodeFrame(RUNNER.CODE, task.code),
    encodeFrame(RUNNER.ARGUMENTS, task.argumentsJson),
    encodeFrame(RUNNER.START),
  ])
  return [...inputFrames(task), encodeFrame(isKept ? RUN_KEPT : RUN, payload)]
}

/** Returns what interrupts the program of a kept run. */
export function encodeInterrupt(): Buffer {
  return encodeFrame(INTERRUPT)
}

/** Has the supervisor listen while the program runs; others save the time. */
const END_MAY_COME = 1

/** Has a running program ended. */
export function encodeEnd(): Buffer {
  return encodeFrame(END)
}

function inputFrames({ files, stdin, collect }: Task): Buffer[] {
  const pieces: Buffer[] = []
  for (const { path, content } of files) {
    const name = Buffer.from(path)
    const length = Buffer.alloc(2)
    length.writeUInt16LE(name.length)
    const before = Buffer.concat([length, name])
    pieces.push(encodeHead(FILE, before.length + content.length), before, content)
  }
  if (stdin !== null) pieces.push(encodeHead(STDIN, stdin.length), stdin)
  if (collect !== null) {
    pieces.push(encodeFrame(COLLECT, Buffer.from(collect.map((glob) => `${glob}\0`).join(''))))
  }
  return pieces.filter(({ length }) => length > 0)
}

function settingFrames({ mode, env, argv }: Task): Buffer[] {
  return [
    ...(mode === 'function' ? [] : [encodeFrame(RUNNER.MODE, Buffer.from([MODES[mode]]))]),
    ...Object.entries(env).map(([name, value]) =>
      encodeFrame(RUNNER.ENV, Buffer.from(`${name}=${value}`)),
    ),
    ...argv.map((argument) => encodeFrame(RUNNER.ARGV, Buffer.from(argument))),
  ]
}
