import type { FastifyReply, FastifyRequest } from 'fastify'
import { Problem, sendProblem } from './v1/problems.ts'

const BAD_URL =
  'The address is not a valid URL: a % must be followed by two hexadecimal digits of UTF-8.'

/** Answers an address that the router cannot read, or whose parts are longer than any that there are. */
export function answerUnroutable(
  { code }: Error & { code: string },
  { url }: FastifyRequest,
  reply: FastifyReply,
): void {
  const isBad = code === 'FST_ERR_BAD_URL'
  const message = isBad ? BAD_URL : 'There is nothing under this address.'
  if (url.startsWith('/v1/')) {
    sendProblem(reply, new Problem(isBad ? 'invalid-request' : 'not-found', message))
  } else {
    reply.code(isBad ? 400 : 404).send({ detail: message })
  }
}
