import { ManagerError } from '../../errors.ts'
import type { RunEvent, RunOutcome } from '../../run/types.ts'
import { failureOf } from '../failure.ts'
import { GatheredOutput } from '../gathered-output.ts'
import { type Kernel, KernelSpent } from './kernel.ts'
import type { KernelMessage } from './message.ts'
import { errorMessages, errorOf, errorWith, imageDisplays } from './present.ts'

const content = (value: unknown) => JSON.stringify(value)

/**
 * Executes code and tells what a kernel tells: its input, output as it comes, displays, then how it ended.
 * @param signal whoever asked has gone
 * @param send must not throw
 */
export async function executeCode(
  kernel: Kernel,
  code: Buffer,
  signal: AbortSignal,
  send: (message: KernelMessage) => void,
): Promise<void> {
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
  const input = { code: code.toString(), execution_count: kernel.executions + 1 }
  send({ channel: 'iopub', type: 'execute_input', contentJson: content(input) })
  try {
    const outcome = await kernel.execute(code, { signal, onEvent })
    output.end()
    for (const data of outcome.displays.slice(displays)) display(data)
    for (const message of imageDisplays(outcome.files)) send(message)
    if (outcome.resultJson !== null) send(valueMessage(outcome.resultJson, kernel.executions))
    for (const message of lastMessages(outcome, kernel.executions)) send(message)
  } catch (error) {
    output.end()
    for (const message of errorMessages(serviceError(error as Error), kernel.executions))
      send(message)
    if (!isExpected(error as Error)) throw error
  }
}

/** @param bundle JSON text of a MIME bundle */
function valueMessage(bundle: string, count: number): KernelMessage {
  const contentJson = `{"data":${bundle},"metadata":{},"execution_count":${count}}`
  return { channel: 'iopub', type: 'execute_result', contentJson }
}

function lastMessages(outcome: RunOutcome, count: number): KernelMessage[] {
  const error = errorOf(outcome)
  if (error) return errorMessages(error, count)
  const reply = { status: 'ok', execution_count: count, user_expressions: {}, payload: [] }
  return [{ channel: 'shell', type: 'execute_reply', contentJson: content(reply) }]
}

function isExpected(error: Error): boolean {
  return error instanceof ManagerError || error instanceof KernelSpent
}

/** What has no outcome, in words of Jupyter's. */
function serviceError(error: Error) {
  if (error instanceof KernelSpent) return errorWith('KernelSpent', error.message)
  if (error instanceof ManagerError && error.code === 'RUN_CANCELLED') {
    return errorWith('KeyboardInterrupt', 'The execution was interrupted.')
  }
  return errorWith('ServiceError', failureOf(error).message)
}
