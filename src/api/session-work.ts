import { once } from 'node:events'
import type { Writable } from 'node:stream'
import { allIn } from '../sessions/file-bytes.ts'
import { SessionFiles } from '../sessions/files.ts'
import type { Sessions, SessionUse } from '../sessions/types.ts'
import type { Budget } from './accounts.ts'
import type { Answers } from './answers.ts'
import { Refused, unreadAnswers } from './refused.ts'
import { overBudget } from './uploads.ts'
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

/** On whose account is what goes into a session as a whole, and what comes out of it. */
export interface Holding {
  readonly caller: string
  readonly answers: Answers
  /** What goes in. */
  readonly frames: Budget
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
 * Reads a file whole. What has been read is on the caller's account meanwhile: the sandbox says when the file ends.
 * @throws Refused 413 when it has more bytes than that, 429 when the account is full
 */
export async function readWhole(
  files: SessionFiles,
  path: string,
  mostBytes: number,
  { answers, caller }: Pick<Holding, 'answers' | 'caller'>,
): Promise<Buffer> {
  const stream = await files.read(path)
  const held = answers.gather(caller, () => stream.destroy(unreadAnswers()))
  try {
    const content = await allIn(stream, mostBytes, (bytes) => {
      if (!held.add(bytes)) throw unreadAnswers()
    })
    if (!content) throw new Refused(413, `The file has more than ${mostBytes} bytes.`)
    return content
  } finally {
    held.release()
  }
}

/**
 * Writes a file whole, and makes the folders above it. Its content is on the caller's account until the sandbox has it.
 * @param holding null: it is on an account already
 * @throws Refused 429 when the account is full
 */
export async function writeWhole(
  files: SessionFiles,
  path: string,
  content: Buffer,
  holding: Holding | null,
): Promise<void> {
  let evict = () => {}
  const evicted = new Promise<never>((_resolve, reject) => {
    evict = () => reject(overBudget())
  })
  evicted.catch(() => {})
  const held = holding?.frames.open(holding.caller, evict)
  if (held?.add(content.length) === false) throw overBudget()
  const fill = async (input: Writable) => {
    if (!input.write(content)) {
      await Promise.race([once(input, 'drain'), once(input, 'close'), evicted])
    }
    input.end()
  }
  try {
    await files.write(path, fill)
  } finally {
    held?.release()
  }
}
