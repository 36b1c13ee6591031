import type { FastifyRequest } from 'fastify'
import type { ReadValue } from './json-value.ts'
import type { ParsingThread } from './parsing-thread.ts'
import { type Body, overBudget } from './uploads.ts'

/**
 * Reads the body of a request as readValue(): a large one in the thread for it. The body stays on its caller's account.
 * @param part returns what of the body is the JSON; all of it by default
 * @returns null: there is no body, or no JSON in it
 * @throws as withBody()
 */
export async function bodyValue(
  request: FastifyRequest,
  parsing: ParsingThread,
  part = (bytes: Buffer) => bytes,
): Promise<ReadValue | null> {
  return withBody(request, async (bytes, signal) => {
    const json = part(bytes)
    return json.length === 0 ? null : parsing.readValue(request.caller, json, signal)
  })
}

/**
 * Has the body of a request read by a thread. The body stays on its caller's account.
 * @param read gets the body, and a signal that fires when the caller has gone or its body is evicted
 * @returns null: there is no body
 * @throws Refused 429 when the body is evicted; what `read` throws
 */
export async function withBody<T>(
  request: FastifyRequest,
  read: (bytes: Buffer, signal: AbortSignal) => Promise<T>,
): Promise<T | null> {
  const body = (request.body ?? null) as Body | null
  if (body === null) return null
  const gone = new AbortController()
  const abort = () => gone.abort()
  const { onEvicted } = body
  body.onEvicted = () => {
    abort()
    onEvicted()
  }
  const { socket } = request.raw
  socket.once('close', abort)
  try {
    return await read(Buffer.concat(body.takeBlocks()), gone.signal)
  } catch (error) {
    throw body.evicted ? overBudget() : error
  } finally {
    socket.off('close', abort)
    body.onEvicted = onEvicted
  }
}
