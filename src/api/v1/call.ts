import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Answers } from '../answers.ts'
import type { Connections } from '../connections.ts'
import { LARGE_BODY_BYTES, type ParsingThread } from '../parsing-thread.ts'
import { unreadAnswers } from '../refused.ts'
import { runCallerOf } from '../run-caller.ts'
import { type Body, overBudget } from '../uploads.ts'
import { invalid } from './problems.ts'
import { type BodyKind, readBody } from './read-body.ts'
import type { RunInput } from './read-run.ts'

/** The accounts on which the routes count what they hold for a caller. */
export interface Keepers {
  readonly connections: Connections
  readonly answers: Answers
  readonly parsing: ParsingThread
}

/** A request that runs something: what is held for it, and whether its caller is still there. */
export interface Call {
  readonly caller: string
  /** The caller has hung up, or its body was evicted. */
  readonly signal: AbortSignal
  /** @throws Problem that names what is wrong, Refused, ManagerError REQUEST_NOT_READ, RUN_CANCELLED */
  read(kind: BodyKind): Promise<readonly RunInput[]>
  /** The body is needed no more: an executor has the run. */
  giveBodyBack(): void
  /** What went wrong in the caller's words: an eviction shows as a run that was canceled. */
  cause(error: Error): Error
  end(): void
}

/**
 * Begins a call.
 * @throws Refused when the caller has not read what it was answered before
 */
export function beginCall(request: FastifyRequest, reply: FastifyReply, keepers: Keepers): Call {
  const body = (request.body ?? null) as Body | null
  const { caller } = request
  const watched = runCallerOf(request, reply, body)
  const { signal } = watched
  const end = () => {
    body?.entry.release()
    watched.done()
  }
  keepers.connections.work(request.raw.socket, null)
  if (!keepers.answers.hasRoomFor(caller)) {
    end()
    throw unreadAnswers()
  }
  return {
    caller,
    signal,
    read: (kind) => readInputs(body, kind, request, signal, keepers.parsing),
    giveBodyBack: () => body?.entry.release(),
    cause: (error) => (body?.evicted ? overBudget() : error),
    end,
  }
}

/** In place where the body is small: another thread would take longer. */
async function readInputs(
  body: Body | null,
  kind: BodyKind,
  request: FastifyRequest,
  signal: AbortSignal,
  parsing: ParsingThread,
): Promise<readonly RunInput[]> {
  if (body === null) throw invalid([{ pointer: '', detail: 'The request has no body.' }])
  const contentType = request.headers['content-type'] ?? ''
  const { bytes } = body
  const blocks = body.takeBlocks()
  const [first] = blocks
  const read =
    bytes > LARGE_BODY_BYTES
      ? await parsing.readBody(request.caller, { blocks, bytes, kind, contentType }, signal)
      : readBody(blocks.length === 1 && first ? first : Buffer.concat(blocks), kind, contentType)
  if ('issues' in read) throw invalid(read.issues)
  return read.value
}

/** Tells whether the caller asks for events (https://www.rfc-editor.org/rfc/rfc9110#name-accept). A caller that takes both gets events. */
export function wantsEvents({ headers }: FastifyRequest): boolean {
  return headers.accept?.includes('text/event-stream') ?? false
}
