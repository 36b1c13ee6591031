import { randomUUID } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { RunEvent, RunOutcome, RunRequest } from '../run/types.ts'
import { failureOf } from './failure.ts'
import { admit } from './v1/admit.ts'
import { beginCall, type Call, type Keepers } from './v1/call.ts'
import { heldBytes } from './v1/present.ts'
import { PROBLEMS, Problem, problemOf } from './v1/problems.ts'
import type { BodyKind } from './v1/read-body.ts'
import type { RunInput } from './v1/read-run.ts'
import type { NativeService } from './v1/service.ts'
import { tellOutcome, tellProblem } from './v1/tell.ts'

export interface OneRunOptions extends Keepers {
  readonly runs: NativeService['runs']
  readonly templates: NativeService['templates']
  readonly metrics: NativeService['metrics']
}

/** How a front door whose requests are one run each says it in its words. */
export interface OneRunWords {
  readonly kind: BodyKind
  /** The run that is asked for. @throws Problem, or what `fail` understands */
  prepare(input: RunInput, call: Call): RunInput | Promise<RunInput>
  readonly onEvent?: (event: RunEvent) => void
  /** Ends the run when it fires; by default its caller alone does. */
  readonly signal?: AbortSignal
  /** What is answered, as a value of JSON. */
  present(outcome: RunOutcome, run: RunRequest): unknown
  /** Answers what has no outcome. @param isStarted whether its code may have run */
  fail(error: Error, isStarted: boolean): FastifyReply
}

/** Runs the one program of a request while its caller waits, and answers with its outcome. */
export async function answerRun(
  request: FastifyRequest,
  reply: FastifyReply,
  options: OneRunOptions,
  words: OneRunWords,
): Promise<FastifyReply> {
  const call = beginCall(request, reply, options)
  let run: RunRequest | null = null
  let isStarted = false
  try {
    const [input] = await call.read(words.kind)
    const prepared = await words.prepare(input as RunInput, call)
    run = admit(prepared, options.templates, call.caller, randomUUID())
    const outcome = await options.runs.start(run, {
      signal: words.signal ? AbortSignal.any([call.signal, words.signal]) : call.signal,
      onEvent: words.onEvent,
      onStart: () => {
        isStarted = true
        call.giveBodyBack()
      },
    })
    tellOutcome(request, run, outcome, options)
    const text = JSON.stringify(words.present(outcome, run))
    const held = heldBytes({ ...outcome, files: [], resultJson: null })
    options.answers.hold(call.caller, Math.max(held, text.length), reply.raw)
    return reply.type('application/json; charset=utf-8').send(text)
  } catch (error) {
    const cause = call.cause(error as Error)
    tellProblem(request, run, problemOf(cause).problem, error as Error, options)
    return words.fail(cause, isStarted)
  } finally {
    call.end()
  }
}

/** Returns how a failed request is answered: a status of HTTP, a sentence, and when to try again. */
export function answerTo(error: Error): {
  status: number
  message: string
  retryAfterS: number | null
} {
  if (!(error instanceof Problem)) return failureOf(error)
  const { problem, retryAfterS } = error
  const [first] = error.errors
  return { status: PROBLEMS[problem].status, message: first?.detail ?? error.message, retryAfterS }
}
