import type { FastifyRequest } from 'fastify'
import type { z } from 'zod'
import { ChannelError, SessionLostError } from '../../sessions/errors.ts'
import { FileError } from '../../sessions/files.ts'
import { SessionGone, SessionLost } from '../../sessions/gone.ts'
import type { SessionInfo, Sessions, SessionUse } from '../../sessions/types.ts'
import { SESSION_HOME } from '../../sessions/user.ts'
import { readValue } from '../json-value.ts'
import type { Body } from '../uploads.ts'
import { invalid, Problem } from './problems.ts'
import { issuesOf } from './read-run.ts'
import { wireSessionLimits } from './session-limits.ts'
import type { SessionAnswer } from './session-schema.ts'

export type SessionRequest = FastifyRequest<{ Params: { id: string } }>

/**
 * Reads a body of JSON of few values, which are counted before they become objects; without a body, that of an empty object.
 * @throws Problem that names what is wrong
 */
export function readJson<T extends z.ZodType>(request: FastifyRequest, schema: T): z.infer<T> {
  const body = (request.body ?? null) as Body | null
  try {
    const bytes = body ? Buffer.concat(body.takeBlocks()) : Buffer.from('{}')
    const json = readValue(bytes)
    if ('wrong' in json) throw invalid([{ pointer: '', detail: `The body ${json.wrong}.` }])
    const parsed = schema.safeParse(json.value)
    if (!parsed.success) throw invalid(issuesOf(parsed.error, ''))
    return parsed.data
  } finally {
    body?.entry.release()
  }
}

/**
 * Returns a path of a session as its sandbox knows it.
 * @throws Problem
 */
export function pathFrom(path: string): string {
  if (path.includes('\0')) throw invalid([{ pointer: '', detail: 'The path has a zero byte.' }])
  return path.startsWith('/') ? path : `${SESSION_HOME}/${path}`
}

/** Returns the problem of a session that is not there. */
export function noSession(id: string): Problem {
  return new Problem('not-found', `This caller has no session ${id.slice(0, 64)}.`)
}

/**
 * Takes a session into use; the caller of this function releases it.
 * @throws Problem `not-found`, `session-ended`; ManagerError
 */
export async function take(sessions: Sessions, request: SessionRequest): Promise<SessionUse> {
  const { id } = request.params
  try {
    const use = await sessions.use(request.caller, id)
    if (!use) throw noSession(id)
    return use
  } catch (error) {
    throw sessionProblem(error as Error)
  }
}

/** Returns what a failure inside a session means for the caller. */
export function sessionProblem(error: Error): Error {
  if (error instanceof SessionGone) return new Problem('session-ended', error.message)
  if (error instanceof SessionLost) return new Problem('session-lost', error.message)
  if (error instanceof SessionLostError) {
    return new Problem('session-ended', `The session has ended: ${error.message}.`)
  }
  if (error instanceof FileError) return errnoProblem(error.errno, error.message)
  if (error instanceof ChannelError) return errnoProblem(error.errno, '')
  return error
}

/**
 * Returns what the end of a session under a request means for its caller: a session that has a checkpoint is
 * lost and can be taken back to it.
 */
export function lostProblem(
  sessions: Sessions | null,
  { caller, params }: FastifyRequest,
  problem: Problem,
): Problem {
  const { id } = params as { id?: string }
  if (problem.problem !== 'session-ended' || !id) return problem
  const info = sessions?.get(caller, id)
  if (!info?.checkpoint || info.state === 'dead') return problem
  const lost = new SessionLost(id, 'its sandbox ended', info.checkpoint.atMs)
  return new Problem('session-lost', lost.message)
}

const [EPERM, ENOENT, EACCES, EROFS] = [1, 2, 13, 30]

/**
 * Returns what a failed system call in a session means for the caller.
 * @param said what the sandbox says of it
 */
function errnoProblem(errno: number, said: string): Problem {
  const detail = said || (WORDS[errno] ?? `errno ${errno}`)
  if (errno === ENOENT) return new Problem('not-found', `${detail}.`)
  if ([EACCES, EPERM, EROFS].includes(errno)) return new Problem('not-permitted', `${detail}.`)
  return invalid([{ pointer: '', detail: `${detail}.` }])
}

/** The usual errors (errno(3)) of a command that cannot be started. */
const WORDS: Readonly<Record<number, string>> = {
  [ENOENT]: 'No such program or folder',
  [EACCES]: 'The user of the session may not do that',
  7: 'The arguments and variables are too long',
  11: 'The session has as many processes as it may',
  12: 'The session has no memory for that',
  20: 'Not a folder',
  24: 'The session has too many open channels',
}

/** Returns a session in the words of the native API. */
export function toldSession(info: SessionInfo): SessionAnswer {
  const { id, template, state, why, createdAtMs, expiresAtMs, metadata, idle } = info
  const { checkpoint, dropsAtMs, limits } = info
  return {
    id,
    template,
    state,
    why,
    created_at: new Date(createdAtMs).toISOString(),
    expires_at: new Date(expiresAtMs).toISOString(),
    idle: { freeze_ms: idle.freezeMs, hibernate_ms: idle.hibernateMs },
    metadata: { ...metadata },
    limits: wireSessionLimits(limits),
    checkpoint: checkpoint && {
      created_at: new Date(checkpoint.atMs).toISOString(),
      bytes: checkpoint.bytes,
    },
    drops_at: dropsAtMs === null ? null : new Date(dropsAtMs).toISOString(),
  }
}
