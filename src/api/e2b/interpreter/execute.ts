import { randomUUID } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { RunEvent } from '../../../run/types.ts'
import type { ContextOutcome, ContextRun, Kernel } from '../../../sessions/context-types.ts'
import { SessionLostError } from '../../../sessions/errors.ts'
import type { SessionUse } from '../../../sessions/types.ts'
import { failureOf } from '../../failure.ts'
import { GatheredOutput } from '../../gathered-output.ts'
import { Refused } from '../../refused.ts'
import { beginCall } from '../../v1/call.ts'
import { NO_ARGUMENTS } from '../../v1/read-run.ts'
import { logSessionRun } from '../../v1/sessions-runs-route.ts'
import type { E2bContext } from '../context.ts'
import { sandboxOf } from '../sandbox-call.ts'
import { errorLine, lineOf } from './error-line.ts'
import { clientError } from './failures.ts'
import { languageOf } from './language.ts'
import { LineStream } from './line-stream.ts'
import { execution, readBody } from './request.ts'
import { displayLine, valueLine } from './result-line.ts'

/** Clients end a run by hanging up; this ends one whose client never does. */
const MOST_WALL_MS = 24 * 3_600_000
const END = '{"type":"end_of_execution"}'

/**
 * Runs code in a context of a sandbox, and answers with a line for each thing that comes of it. A client that hangs up
 * interrupts it.
 * @throws Refused, GoneSandbox, ContextError, ChannelError, ManagerError before the first line
 */
export async function execute(
  request: FastifyRequest,
  reply: FastifyReply,
  options: E2bContext,
): Promise<FastifyReply> {
  const sandbox = await sandboxOf(request)
  const call = beginCall(request, reply, options)
  let use: SessionUse | null = null
  let stream: LineStream | null = null
  try {
    const body = await readBody(request, execution, options.parsing)
    const { code, context_id: asked, language: said, env_vars: env } = body
    if (asked && said) {
      throw new Refused(400, 'Only one of context_id or language can be provided')
    }
    const id = randomUUID()
    use = await sandbox.use()
    const { contexts } = use
    const language = languageOf(said)
    const choice = asked ? { context: asked } : { language }
    const kernel = contexts.kernelOf(choice)
    const context = asked || kernel.language
    const lines = new LineStream(reply, call.caller, options.answers)
    stream = lines
    const told = new Lines(
      (line) => lines.send(line),
      () => contexts.get(context).executionCount + 1,
    )
    const outcome = await contexts.run(id, choice, use, runOf(code, env ?? {}, kernel), {
      signal: call.signal,
      onEvent: (event) => {
        if (event.type === 'started') call.giveBodyBack()
        told.tell(event)
      },
    })
    told.end(outcome, kernel.language)
    if (outcome.end === 'lost') stream.cut()
    else stream.end()
    logSessionRun(request, sandbox.sessionId, id, kernel.language, outcome)
    return reply
  } catch (error) {
    stream?.drop()
    if (error instanceof SessionLostError) {
      stream?.cut()
      return reply
    }
    if (stream?.isBegun) {
      const { message } = failureOf(clientError(call.cause(error as Error)))
      stream.send(lineOf('ServiceError', message))
      stream.send(END)
      stream.end()
      return reply
    }
    if (call.signal.aborted) throw call.cause(new Refused(499, 'The caller has gone.'))
    throw call.cause(error as Error)
  } finally {
    use?.release()
    call.end()
  }
}

function runOf(code: string, env: Readonly<Record<string, string>>, kernel: Kernel): ContextRun {
  return {
    code: Buffer.from(code),
    mode: kernel.modes.includes('cell') ? 'cell' : 'script',
    argumentsJson: NO_ARGUMENTS,
    argv: [],
    stdin: null,
    files: [],
    wallTimeMs: MOST_WALL_MS,
    waits: true,
    env,
    tells: { errorsAlone: true, data: true },
  }
}

/** The events of a run as lines. */
class Lines {
  readonly #send: (line: string) => void
  readonly #count: () => number
  readonly #output: GatheredOutput

  /** @param count of the run in its context, once it has begun */
  constructor(send: (line: string) => void, count: () => number) {
    this.#send = send
    this.#count = count
    this.#output = new GatheredOutput((type, text) => {
      // Nanoseconds are as exact as E2B's, whose clients take any text.
      send(JSON.stringify({ type, text, timestamp: new Date().toISOString() }))
    })
  }

  tell(event: RunEvent): void {
    if (event.type === 'started') {
      const execution_count = this.#count()
      this.#send(JSON.stringify({ type: 'number_of_executions', execution_count }))
    } else if (event.type === 'display') {
      this.#output.flush()
      this.#send(displayLine(event.data))
    } else this.#output.add(event.type, event.bytes)
  }

  end(outcome: ContextOutcome, language: string): void {
    this.#output.end()
    if (outcome.end === 'lost') return
    if (outcome.resultJson !== null) this.#send(valueLine(outcome.resultJson))
    const error = errorLine(outcome, language)
    if (error !== null) this.#send(error)
    this.#send(END)
  }
}
