import { once } from 'node:events'
import type { Writable } from 'node:stream'
import { allIn } from '../sessions/file-bytes.ts'
import { SessionFiles } from '../sessions/files.ts'
import type { Sessions, SessionUse } from '../sessions/types.ts'
import { Refused } from './refused.ts'
import { PROBLEMS, Problem } from './v1/problems.ts'
import { contextProblem } from './v1/sessions-contexts-call.ts'

/** What a front door that answers in JSON works on: the session of a caller, for as long as a request goes on. */
export interface SessionWork {
  readonly sessions: Sessions
  readonly caller: string
  readonly session: string
  /** The caller has gone, or the service stops. */
  readonly signal: AbortSignal
}

/**
 * Uses a session for some work, and wakes it where it sleeps.
 * @throws Refused with the status of HTTP that fits, ManagerError
 */
export async function inSession<T>(
  { sessions, caller, session, signal }: SessionWork,
  work: (files: SessionFiles, use: SessionUse) => Promise<T>,
): Promise<T> {
  let use: SessionUse | null = null
  try {
    use = await sessions.use(caller, session)
    if (!use) throw new Refused(404, 'There is no such session.')
    return await work(new SessionFiles(use.channels, signal), use)
  } catch (error) {
    throw refusalOf(error as Error)
  } finally {
    use?.release()
  }
}

/** Returns what a failure in a session is for a door that has no problems of its own. */
export function refusalOf(error: Error): Error {
  const problem = contextProblem(error)
  return problem instanceof Problem
    ? new Refused(PROBLEMS[problem.problem].status, problem.message)
    : problem
}

/**
 * Reads a file whole.
 * @throws Refused 413 when it has more bytes than that
 */
export async function readWhole(
  files: SessionFiles,
  path: string,
  mostBytes: number,
): Promise<Buffer> {
  const content = await allIn(await files.read(path), mostBytes)
  if (!content) throw new Refused(413, `The file has more than ${mostBytes} bytes.`)
  return content
}

/** Writes a file whole, and makes the folders above it. */
export function writeWhole(files: SessionFiles, path: string, content: Buffer): Promise<void> {
  return files.write(path, async (input: Writable) => {
    if (!input.write(content)) await Promise.race([once(input, 'drain'), once(input, 'close')])
    input.end()
  })
}
