import type { FastifyRequest } from 'fastify'
import type { z } from 'zod'
import type { InputFile } from '../../run/types.ts'
import { FileError, SessionFiles } from '../../sessions/files.ts'
import type { SessionInfo, Sessions } from '../../sessions/types.ts'
import type { Body } from '../uploads.ts'
import { invalid, Problem } from './problems.ts'
import { clash } from './read-run.ts'
import { pathFrom, readJson, sessionProblem } from './session-call.ts'
import { coreSessionLimits, sessionLimitProblem } from './session-limits.ts'
import { sessionRequest } from './session-schema.ts'
import { fileOf } from './sessions-contexts-call.ts'

/** It is read in place, which takes 10 ms for as much; larger files go up by themselves. */
const MOST_BYTES = 8 * 1024 * 1024

type Fields = z.output<typeof sessionRequest>

/**
 * Makes the session that a request asks for, with its files in it.
 * @throws Problem that names the member which cannot be had; ManagerError. No session is left then.
 */
export async function createSession(
  sessions: Sessions,
  request: FastifyRequest,
): Promise<SessionInfo> {
  const body = (request.body ?? null) as Body | null
  if (body && body.bytes > MOST_BYTES) {
    throw new Problem(
      'body-too-large',
      `A session is asked for with at most ${MOST_BYTES} bytes: write large files by PUT …/files/{path}.`,
    )
  }
  const asked = readJson(request, sessionRequest)
  const files = filesOf(asked)
  if (asked.snapshot !== undefined) refuseBesideSnapshot(asked)
  const { caller } = request
  const { template, snapshot, env, metadata, ttl_ms: ttlMs, idle, limits, network } = asked
  const info = await sessions
    .create({
      caller,
      template: template ?? sessions.defaultTemplate(),
      snapshot,
      env,
      metadata,
      ttlMs,
      idle: { freezeMs: idle.freeze_ms, hibernateMs: idle.hibernate_ms },
      limits: limits && coreSessionLimits(limits),
      ...(network === 'none' && { isOffline: true }),
      needsNetwork: network === 'egress',
    })
    .catch((error: Error) => {
      throw sessionProblem(sessionLimitProblem(error))
    })
  if (files.length === 0) return info
  try {
    await putFiles(sessions, caller, info.id, files)
    return sessions.get(caller, info.id) ?? info
  } catch (error) {
    await sessions.kill(caller, info.id)
    throw sessionProblem(error as Error)
  }
}

function refuseBesideSnapshot(asked: Fields): void {
  const names = (['limits', 'network'] as const).filter((name) => asked[name] !== undefined)
  const detail = 'a session from a snapshot is as that was'
  if (names.length > 0) throw invalid(names.map((name) => ({ pointer: `/${name}`, detail })))
}

function filesOf({ files: asked }: Fields): InputFile[] {
  const files: InputFile[] = []
  for (const [index, one] of asked.entries()) {
    const file = fileOf(one, index)
    const other = clash(files, file.path)
    if (other !== null) {
      const detail = `${JSON.stringify(other)} is there already`
      throw invalid([{ pointer: `/files/${index}/path`, detail }])
    }
    files.push(file)
  }
  return files
}

async function putFiles(
  sessions: Sessions,
  caller: string,
  id: string,
  files: readonly InputFile[],
): Promise<void> {
  const use = await sessions.use(caller, id)
  if (!use) throw new Problem('session-ended', 'The session was ended while its files were put.')
  try {
    const its = new SessionFiles(use.channels, use.ended)
    for (const [index, { path, content }] of files.entries()) {
      await its
        .write(pathFrom(path), async (input) => void input.end(content))
        .catch((error: Error) => {
          if (!(error instanceof FileError)) throw error
          throw invalid([{ pointer: `/files/${index}`, detail: error.message }])
        })
    }
  } finally {
    use.release()
  }
}
