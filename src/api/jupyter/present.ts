import { mediaTypeOf } from '../../run/media-types.ts'
import type { OutputFile, RunEnd, RunOutcome } from '../../run/types.ts'
import type { ContextOutcome } from '../../sessions/context-types.ts'
import { outcomeDetail, signalName } from '../v1/present.ts'
import type { KernelMessage } from './message.ts'

/** An error as a kernel tells it. */
export interface KernelError {
  readonly ename: string
  readonly evalue: string
  readonly traceback: readonly string[]
}

const NAMES: Readonly<Record<Exclude<RunEnd, 'exit'>, string>> = {
  signal: 'KernelDied',
  time: 'TimeoutError',
  memory: 'MemoryError',
  output: 'OutputLimitExceeded',
  refused: 'CodeRefused',
  interfered: 'KernelDied',
  result: 'ResultError',
}

/** Larger images are told by their names only. */
const MAX_IMAGE_BYTES = 4 * 1024 ** 2

/**
 * Returns the error that a kernel tells of a run.
 * @returns null: the program ended well
 */
export function errorOf(outcome: RunOutcome): KernelError | null {
  const { end, error, exitCode, signal } = outcome
  if (end === 'exit' && exitCode === 0) return null
  if (end === 'exit' && error) {
    const { name, message, traceback } = error
    // Some runners have printed it to stderr already, which clients show as well.
    const isShown = traceback !== '' && outcome.stderr.includes(traceback.trimEnd())
    const lines = isShown ? [`${name}: ${message}`] : traceback.trimEnd().split('\n')
    return { ename: name, evalue: message, traceback: lines }
  }
  if (end === 'exit') return errorWith('SystemExit', String(exitCode))
  const name = end === 'signal' ? signalName(signal ?? 0) : NAMES[end]
  return errorWith(name, outcomeDetail(outcome))
}

/**
 * Returns the error that a kernel tells of a run in a context.
 * @returns null: the program ended well, and the context goes on
 */
export function errorInContext(outcome: ContextOutcome): KernelError | null {
  const { end, isContextLost, notes } = outcome
  if (end === 'lost') return errorWith('KernelDied', notes)
  if (!isContextLost) return errorOf({ ...outcome, end })
  return errorWith('KernelDied', [outcomeDetail({ ...outcome, end }), notes].join(' ').trim())
}

/** Returns an error whose traceback is one line. */
export function errorWith(ename: string, evalue: string): KernelError {
  return { ename, evalue, traceback: [`${ename}: ${evalue}`] }
}

/** Returns an error's two messages: for all who watch the kernel, and for who asked. */
export function errorMessages(error: KernelError, count: number): KernelMessage[] {
  const reply = {
    status: 'error',
    ...error,
    execution_count: count,
    user_expressions: {},
    payload: [],
  }
  return [
    { channel: 'iopub', type: 'error', contentJson: JSON.stringify(error) },
    { channel: 'shell', type: 'execute_reply', contentJson: JSON.stringify(reply) },
  ]
}

/** Images among the files that a program has made, as displays of a kernel. */
export function imageDisplays(files: readonly OutputFile[]): KernelMessage[] {
  return files.flatMap(({ path, content }) => {
    const type = mediaTypeOf(path)
    if (!type.startsWith('image/') || content.length === 0) return []
    const plain = `"text/plain":${JSON.stringify(path)}`
    const data = content.length > MAX_IMAGE_BYTES ? plain : `${imageJson(type, content)},${plain}`
    const contentJson = `{"data":{${data}},"metadata":{},"transient":{}}`
    return [{ channel: 'iopub', type: 'display_data', contentJson }]
  })
}

/** Base64 needs no escapes; an SVG is a text in Jupyter. */
function imageJson(type: string, content: Buffer): string {
  const value =
    type === 'image/svg+xml'
      ? JSON.stringify(content.toString())
      : `"${content.toString('base64')}"`
  return `${JSON.stringify(type)}:${value}`
}
