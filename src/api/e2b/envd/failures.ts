import type { FastifyReply, FastifyRequest } from 'fastify'
import { ChannelError, SessionLostError } from '../../../sessions/errors.ts'
import { FileError } from '../../../sessions/files.ts'
import { failureOf } from '../../failure.ts'
import { Refused } from '../../refused.ts'
import type { E2bContext } from '../context.ts'
import { GoneSandbox, sendFailure } from '../failures.ts'
import { AnswerStream } from './connect/answer-stream.ts'
import { connectErrorOf } from './connect/calls.ts'
import { type ConnectCode, ConnectError } from './connect/errors.ts'

/** Of errno(3). */
export const [EPERM, ENOENT, EACCES, EEXIST, ENOTDIR, EISDIR] = [1, 2, 13, 17, 20, 21]
const [E2BIG, EAGAIN, ENOMEM, EINVAL, EMFILE, EFBIG, ENOSPC, EROFS] = [
  7, 11, 12, 22, 24, 27, 28, 30,
]
const [ENAMETOOLONG, ELOOP, ENOTSUP, EDQUOT] = [36, 40, 95, 122]

const CODES: Readonly<Record<number, ConnectCode>> = {
  [ENOENT]: 'not_found',
  [EEXIST]: 'already_exists',
  [EPERM]: 'permission_denied',
  [EACCES]: 'permission_denied',
  [EROFS]: 'permission_denied',
  ...Object.fromEntries(
    [ENOTDIR, EISDIR, EINVAL, E2BIG, ENAMETOOLONG, ELOOP, ENOTSUP].map((errno) => [
      errno,
      'invalid_argument',
    ]),
  ),
  ...Object.fromEntries(
    [EAGAIN, ENOMEM, EMFILE, EFBIG, ENOSPC, EDQUOT].map((errno) => [errno, 'resource_exhausted']),
  ),
}
const FULL = [ENOSPC, EDQUOT]

/** Returns the number of what a system call in a sandbox failed with; null: another error. */
export function errnoOf(error: unknown): number | null {
  return error instanceof FileError || error instanceof ChannelError ? error.errno : null
}

/**
 * Returns what a failure inside a sandbox means for a call.
 * @param what was done to what, for the message
 */
export function rpcFailure(error: unknown, what: string, sandboxId: string): Error {
  if (error instanceof SessionLostError) return new GoneSandbox(sandboxId)
  const errno = errnoOf(error)
  if (errno === null) return error as Error
  return new ConnectError(CODES[errno] ?? 'internal', `${what}: ${saidIn(error as Error, errno)}`)
}

/** Returns what a failure inside a sandbox means for a request about the file of a path. */
export function fileFailure(error: unknown, path: string, sandboxId: string): Error {
  if (error instanceof SessionLostError) return new GoneSandbox(sandboxId)
  const errno = errnoOf(error)
  if (errno === null) return error as Error
  if (errno === ENOENT) return new Refused(404, `path '${path}' does not exist`)
  if (errno === EISDIR) return new Refused(400, `path '${path}' is a directory`)
  if (FULL.includes(errno)) return new Refused(507, 'not enough disk space available')
  const said = `error opening file '${path}': ${saidIn(error as Error, errno)}`
  const code = CODES[errno]
  if (code === 'permission_denied') return new Refused(403, said)
  return new Refused(code === 'resource_exhausted' ? 429 : 400, said)
}

/** In the words of Go's syscall.Errno, which E2B's clients know. */
const WORDS: Readonly<Record<number, string>> = {
  [EPERM]: 'operation not permitted',
  [ENOENT]: 'no such file or directory',
  [E2BIG]: 'argument list too long',
  [EAGAIN]: 'resource temporarily unavailable: the sandbox has as many processes as it may',
  [ENOMEM]: 'cannot allocate memory',
  [EACCES]: 'permission denied',
  [ENOTDIR]: 'not a directory',
  [EINVAL]: 'invalid argument',
  [EMFILE]: 'too many open files: the sandbox has as many processes and watches as it may',
}

function saidIn({ message }: Error, errno: number): string {
  return WORDS[errno] ?? message.toLowerCase()
}

const UNSUPPORTED_TYPE = 415

/** Answers a call that failed: a stream in its last message, if what the caller sent has been read. */
export function sendRpcFailure({ answers }: E2bContext) {
  return (error: Error, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const told = connectErrorOf(error)
    if (!told) return sendFailure(error, request, reply)
    if (told.code === 'internal') request.log.error({ err: error }, 'request failed')
    const isTypeWrong = failureOf(error).status === UNSUPPORTED_TYPE
    if (request.routeOptions.config.isStream && request.raw.complete && !isTypeWrong) {
      new AnswerStream(reply, request.caller, answers).end(told)
      return reply
    }
    const status = isTypeWrong ? UNSUPPORTED_TYPE : told.status
    return reply.code(status).type('application/json').send(JSON.stringify(told.body))
  }
}
