import type { KeptRuns } from './kept-runs.ts'
import type { JupyterRequest, KernelMessage } from './message.ts'

/** Requests that the process of a kernel answers, and their replies. */
const REPLIES: Readonly<Record<string, string>> = {
  complete_request: 'complete_reply',
  inspect_request: 'inspect_reply',
  is_complete_request: 'is_complete_reply',
}
const MAX_CODE_BYTES = 256 * 1024
const MAX_EXPRESSIONS = 50

/**
 * Has the process of a kernel answer a question about code, as `questions.*` of the runtimes do.
 * @returns null: it is no such question, or has no answer
 */
export async function answerOf(
  { type, code, fields }: JupyterRequest,
  runs: KeptRuns,
  signal: AbortSignal,
): Promise<KernelMessage | null> {
  const reply = Object.hasOwn(REPLIES, type) ? REPLIES[type] : undefined
  if (reply === undefined || code === null || code.length > MAX_CODE_BYTES) return null
  const position = typeof fields.cursor_pos === 'number' ? fields.cursor_pos : null
  const answer = await ask(runs, signal, {
    about: type.replace('_request', ''),
    code: code.toString(),
    position,
    detail: fields.detail_level === 1 ? 1 : 0,
  })
  return answer === null ? null : { channel: 'shell', type: reply, contentJson: answer }
}

/**
 * Returns what evaluates the expressions that a request has with it.
 * @returns undefined: it has none
 */
export function expressionsOf(
  asked: unknown,
): ((runs: KeptRuns, signal: AbortSignal) => Promise<string>) | undefined {
  if (typeof asked !== 'object' || asked === null) return undefined
  const expressions = Object.entries(asked).slice(0, MAX_EXPRESSIONS)
  if (expressions.length === 0) return undefined
  return async (runs, signal) =>
    (await ask(runs, signal, { about: 'expressions', expressions })) ?? '{}'
}

/** @returns JSON text of an object; null: this kernel answers no such question, or could not */
async function ask(runs: KeptRuns, signal: AbortSignal, question: object): Promise<string | null> {
  const code = Buffer.from(JSON.stringify(question))
  try {
    if (!runs.answers) return null
    const outcome = await runs.run({ code, mode: 'ask', isHidden: true }, { signal })
    const { resultJson } = outcome
    return resultJson?.startsWith('{') ? resultJson.replace(/[\r\n]/g, ' ') : null
  } catch {
    // Whatever is wrong with the kernel is told by its next execution.
    return null
  }
}
