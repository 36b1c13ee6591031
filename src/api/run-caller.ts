import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Body } from './uploads.ts'

/** What a front door knows of the caller of a run while that goes on. */
export interface RunCaller {
  /** Fires when the caller hangs up before it has its answer, or when its body is evicted. */
  readonly signal: AbortSignal
  /** To be called when the run is over, well or badly. */
  done(): void
}

/**
 * Returns who asks for a run, and the signal that aborts when they are gone.
 * @param body that was read of the request; null: it has none
 */
export function runCallerOf(
  request: FastifyRequest,
  reply: FastifyReply,
  body: Body | null,
): RunCaller {
  const controller = new AbortController()
  const abort = () => controller.abort()
  reply.raw.once('close', abort)
  if (body) body.onEvicted = abort
  // Not the request, which is destroyed as soon as it has been read.
  if (request.raw.socket.destroyed || body?.evicted) abort()
  return { signal: controller.signal, done: () => reply.raw.off('close', abort) }
}
