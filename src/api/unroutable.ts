import type { Socket } from 'node:net'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { sendFailure as sendDify } from './dify/envelope.ts'
import type { Door } from './doors.ts'
import { sendFailure as sendE2b } from './e2b/failures.ts'
import { sendFailure as sendJobe } from './jobe/failures.ts'
import { sendFailure as sendJudge0 } from './judge0/failures.ts'
import { sendFailure as sendJupyter } from './jupyter/failures.ts'
import { sendFailure as sendLibreChat } from './librechat/failures.ts'
import { sendRpcError } from './mcp/rpc-error.ts'
import type { SendFailure } from './methods.ts'
import { sendFailure as sendPiston } from './piston/failures.ts'
import { Refused } from './refused.ts'
import { Problem, sendProblem } from './v1/problems.ts'

const BAD_URL =
  'The address is not a valid URL: a % must be followed by two hexadecimal digits of UTF-8.'
const WORDS: readonly (readonly [addresses: RegExp, door: Door, send: SendFailure])[] = [
  [/^\/mcp(?![^/?])/, 'mcp', sendRpcError],
  [/^\/(dify|v1\/sandbox)(?![^/?])/, 'dify', (...failed) => sendDify(...failed)],
  [/^\/(submissions|languages|judge0)(?![^/?])/, 'judge0', sendJudge0],
  [/^\/jobe(?![^/?])/, 'jobe', sendJobe],
  [/^\/(api\/v2|piston)(?![^/?])/, 'piston', sendPiston],
  [/^\/(api|jupyter)(?![^/?])/, 'jupyter', sendJupyter],
  [/^\/librechat(?![^/?])/, 'librechat', sendLibreChat],
  [/^(?:\/v[23])?\/(?:sandboxes|snapshots|templates|volumes|secrets)(?![^/?])/, 'e2b', sendE2b],
]

/**
 * Answers an address that the router cannot read, or whose parts are longer than any that there are, in the words of
 * the front door that it is of.
 */
export function answerUnroutable(doors: ReadonlySet<Door>) {
  return (
    { code }: Error & { code: string },
    request: FastifyRequest,
    reply: FastifyReply,
  ): void => {
    const { url } = request
    const isBad = code === 'FST_ERR_BAD_URL'
    const message = isBad ? BAD_URL : 'There is nothing under this address.'
    const [, , send] = WORDS.find(([of, door]) => doors.has(door) && of.test(url)) ?? []
    if (send) send(new Refused(isBad ? 400 : 404, message), request, reply)
    else if (url.startsWith('/v1/')) {
      sendProblem(reply, new Problem(isBad ? 'invalid-request' : 'not-found', message))
    } else reply.code(isBad ? 400 : 404).send({ detail: message })
  }
}

const STATUSES: Readonly<Record<string, string>> = {
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
}

/**
 * Answers what is no request of HTTP, and ends the connection. Nothing of it is logged: it may hold a key. For
 * Fastify's `clientErrorHandler`.
 */
export function refuseBytes({ code = '' }: NodeJS.ErrnoException, socket: Socket): void {
  if (code === 'ECONNRESET' || socket.destroyed) return
  const status = STATUSES[code] ?? '400 Bad Request'
  const body = JSON.stringify({ detail: status.slice(4) })
  const headers = `Content-Length: ${body.length}\r\nContent-Type: application/json\r\nConnection: close`
  if (socket.writable) socket.write(`HTTP/1.1 ${status}\r\n${headers}\r\n\r\n${body}`)
  socket.destroy()
}
