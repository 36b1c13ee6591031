import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { z } from 'zod'
import type { SessionUse } from '../../../sessions/types.ts'
import { unreadAnswers } from '../../refused.ts'
import { runCallerOf } from '../../run-caller.ts'
import type { E2bContext } from '../context.ts'
import { GoneSandbox } from '../failures.ts'
import { type SandboxCall, sandboxOf } from '../sandbox-call.ts'
import { AnswerStream } from './connect/answer-stream.ts'
import {
  answer,
  connectErrorOf,
  readMessage,
  readOnly,
  refusedType,
  timeoutOf,
} from './connect/calls.ts'
import { ConnectError } from './connect/errors.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether what is answered is a stream of messages. */
    isStream?: boolean
  }
}

/** A call of one of E2B's services, and the sandbox in use that it is for. */
export interface Call<T> {
  readonly request: FastifyRequest
  readonly asked: T
  readonly sandbox: SandboxCall
  readonly use: SessionUse
  /** Fires when the caller has gone, or the service stops. */
  readonly signal: AbortSignal
}

type Method<T> = (call: Call<T>) => Promise<object>
type StreamMethod<T> = (call: Call<T>, stream: AnswerStream) => Promise<void>

/** Has a sandbox in use for as long as a call goes on. */
export async function within<T>(
  request: FastifyRequest,
  reply: FastifyReply,
  { stopping }: E2bContext,
  work: (call: Omit<Call<never>, 'asked'>) => Promise<T>,
): Promise<T> {
  const sandbox = await sandboxOf(request)
  const caller = runCallerOf(request, reply, null)
  const use = await sandbox.use()
  const signal = AbortSignal.any([caller.signal, stopping])
  try {
    return await work({ request, sandbox, use, signal })
  } finally {
    use.release()
    caller.done()
  }
}

/** Adds a method with one message each way. */
export function addMethod<T extends z.ZodType>(
  app: FastifyInstance,
  context: E2bContext,
  url: string,
  schema: T,
  method: Method<z.infer<T>>,
  config: { rateLimit?: object } = {},
): void {
  app.post(url, { config: { sandbox: 'envd', ...config } }, async (request, reply) => {
    if (!request.headers['content-type']?.startsWith('application/json')) throw refusedType()
    const asked = await readMessage(request, schema, context.parsing)
    if (!context.answers.hasRoomFor(request.caller)) throw unreadAnswers()
    const told = await within(request, reply, context, (call) => method({ ...call, asked }))
    return answer(reply, told)
  })
}

/** Adds a method that answers one message with many. */
export function addStreamMethod<T extends z.ZodType>(
  app: FastifyInstance,
  context: E2bContext,
  url: string,
  schema: T,
  method: StreamMethod<z.infer<T>>,
  config: { rateLimit?: object } = {},
): void {
  const isStream = true
  app.post(url, { config: { sandbox: 'envd', isStream, ...config } }, async (request, reply) => {
    if (!isConnectStream(request)) throw refusedType()
    const asked = await readOnly(request, schema, context.parsing)
    if (!context.answers.hasRoomFor(request.caller)) throw unreadAnswers()
    const stream = new AnswerStream(reply, request.caller, context.answers)
    try {
      await within(request, reply, context, (call) =>
        ending(stream, timeoutOf(request), call, (signal) =>
          method({ ...call, asked, signal }, stream),
        ),
      )
    } catch (error) {
      if (!stream.isBegun) throw error
      const told = connectErrorOf(error as Error)
      if (!told) stream.cut()
      else {
        if (told.code === 'internal') request.log.error({ err: error }, 'request failed')
        stream.end(told)
      }
    }
    return reply
  })
}

/** Tells whether a request has the type of a stream of messages. */
export function isConnectStream({ headers }: FastifyRequest): boolean {
  return headers['content-type']?.startsWith('application/connect+json') === true
}

/** Ends a stream in time, and breaks it off when its sandbox ends or the service stops. */
async function ending(
  stream: AnswerStream,
  timeoutMs: number | null,
  { use, signal }: Pick<Call<unknown>, 'use' | 'signal'>,
  work: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const late = new AbortController()
  const timer = timeoutMs === null ? undefined : setTimeout(() => late.abort(), timerMs(timeoutMs))
  const over = AbortSignal.any([signal, use.ended])
  try {
    await work(AbortSignal.any([over, late.signal]))
    if (over.aborted) stream.cut()
    else if (late.signal.aborted) throw deadlineExceeded()
    else stream.end()
  } catch (error) {
    // Of a sandbox that has ended the client is told by the end of the connection alone.
    if (use.ended.aborted && !(error instanceof GoneSandbox)) stream.cut()
    else throw error
  } finally {
    clearTimeout(timer)
  }
}

/** Returns the failure of a call that took too long. */
export function deadlineExceeded(): ConnectError {
  return new ConnectError('deadline_exceeded', 'context deadline exceeded')
}

/** No timer can be set for longer. */
function timerMs(ms: number): number {
  return Math.min(ms, 2 ** 31 - 1)
}
