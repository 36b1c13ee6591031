import { ManagerError } from '../../errors.ts'
import type { RunEvent, RunOptions, RunOutcome } from '../../run/types.ts'
import { ContextError } from '../../sessions/context-types.ts'
import { SessionLostError } from '../../sessions/errors.ts'
import { SessionGone, SessionLost } from '../../sessions/gone.ts'
import { failureOf } from '../failure.ts'
import { GatheredOutput } from '../gathered-output.ts'
import { KernelSpent } from './kernel.ts'
import type { KernelMessage } from './message.ts'
import { errorMessages, errorWith, imageDisplays, type KernelError } from './present.ts'

/** What a kernel is asked to execute, and what does it. */
export interface Execution {
  readonly code: Buffer
  /** Its number. */
  readonly count: number
  /** Whether neither its code nor its value is told. */
  readonly isSilent: boolean
  /** It has to end. */
  readonly signal: AbortSignal
  run(options: RunOptions): Promise<Executed>
  /** JSON text of the values of what its request wants evaluated after it; absent: nothing. */
  readonly expressions?: (() => Promise<string>) | undefined
}

/** What is told of a program that has ended. */
export interface Executed extends Pick<RunOutcome, 'displays' | 'files' | 'resultJson'> {
  /** Null: it ended well. */
  readonly error: KernelError | null
}

const content = (value: unknown) => JSON.stringify(value)

/**
 * Executes code and tells what a kernel tells: its input, output as it comes, displays, then how it ended.
 * @param send must not throw
 * @returns whether it ended well
 */
export async function executeCode(
  execution: Execution,
  send: (message: KernelMessage) => void,
): Promise<boolean> {
  const { code, count, isSilent, signal } = execution
  const output = new GatheredOutput((name, text) => {
    send({ channel: 'iopub', type: 'stream', contentJson: content({ name, text }) })
  })
  const display = (data: unknown) => {
    const contentJson = content({ data, metadata: {}, transient: {} })
    send({ channel: 'iopub', type: 'display_data', contentJson })
  }
  let displays = 0
  const onEvent = (event: RunEvent) => {
    if (event.type === 'stdout' || event.type === 'stderr') output.add(event.type, event.bytes)
    if (event.type !== 'display') return
    output.flush()
    displays++
    display(event.data)
  }
  if (!isSilent) {
    const input = { code: code.toString(), execution_count: count }
    send({ channel: 'iopub', type: 'execute_input', contentJson: content(input) })
  }
  try {
    const ended = await execution.run({ signal, onEvent })
    output.end()
    for (const data of ended.displays.slice(displays)) display(data)
    for (const message of imageDisplays(ended.files)) send(message)
    if (ended.resultJson !== null && !isSilent) send(valueMessage(ended.resultJson, count))
    if (ended.error) for (const message of errorMessages(ended.error, count)) send(message)
    else send(okMessage(count, (await execution.expressions?.()) ?? '{}'))
    return ended.error === null
  } catch (error) {
    output.end()
    for (const message of errorMessages(serviceError(error as Error), count)) send(message)
    if (!isExpected(error as Error)) throw error
    return false
  }
}

/** @param bundle JSON text of a MIME bundle */
function valueMessage(bundle: string, count: number): KernelMessage {
  const contentJson = `{"data":${bundle},"metadata":{},"execution_count":${count}}`
  return { channel: 'iopub', type: 'execute_result', contentJson }
}

function okMessage(count: number, expressions: string): KernelMessage {
  const contentJson = `{"status":"ok","execution_count":${count},"user_expressions":${expressions},"payload":[]}`
  return { channel: 'shell', type: 'execute_reply', contentJson }
}

const EXPECTED = [
  ManagerError,
  KernelSpent,
  ContextError,
  SessionGone,
  SessionLost,
  SessionLostError,
]

/** Tells whether a failure is for the client alone, and no fault of ours. */
export function isExpected(error: Error): boolean {
  return EXPECTED.some((kind) => error instanceof kind)
}

/** What has no outcome, in words of Jupyter's. */
function serviceError(error: Error) {
  if (error instanceof KernelSpent) return errorWith('KernelSpent', error.message)
  if (error instanceof ManagerError && error.code === 'RUN_CANCELLED') {
    return errorWith('KeyboardInterrupt', 'The execution was interrupted.')
  }
  const isDead = [SessionGone, SessionLost, SessionLostError].some((kind) => error instanceof kind)
  if (isDead) return errorWith('KernelDied', error.message)
  if (error instanceof ContextError) return errorWith('ServiceError', error.message)
  return errorWith('ServiceError', failureOf(error).message)
}
