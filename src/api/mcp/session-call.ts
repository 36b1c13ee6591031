import type { CallToolResult, ServerContext } from '@modelcontextprotocol/server'
import { ManagerError } from '../../errors.ts'
import { SessionGone, SessionLost } from '../../sessions/gone.ts'
import type { SessionInfo, Sessions, SessionUse } from '../../sessions/types.ts'
import { Problem, problemOf } from '../v1/problems.ts'
import { contextProblem } from '../v1/sessions-contexts-call.ts'
import { tellProblem } from '../v1/tell.ts'
import type { McpCall, McpService } from './call.ts'
import type { KeptResults } from './kept-results.ts'

/** What the tools of sessions work with. */
export interface SessionToolHost {
  readonly service: McpService
  readonly sessions: Sessions
  readonly results: KeptResults
  readonly call: McpCall
}

/** One call of a tool. */
export interface SessionCall extends SessionToolHost {
  readonly mcpReq: ServerContext['mcpReq']
}

const ANOTHER = 'Open another one with open_session; variables and files of the old one are gone.'

/**
 * Uses a session for one call of a tool, and answers in words where that fails.
 * @param id of the session
 * @param work gets the session, and a signal that fires when the caller has gone
 */
export async function inSession(
  host: SessionCall,
  id: string,
  work: (use: SessionUse, signal: AbortSignal) => Promise<CallToolResult>,
): Promise<CallToolResult> {
  return answered(host, id, async () => {
    const { sessions, call, mcpReq } = host
    const use = await sessions.use(call.request.caller, id)
    if (!use) throw unknownSession(id)
    try {
      return await work(use, AbortSignal.any([call.signal, mcpReq.signal]))
    } finally {
      use.release()
    }
  })
}

/**
 * Answers a call of a tool; what fails is told in words that say what to do.
 * @param id of the session that it is about; empty: none yet
 */
export async function answered(
  { service, sessions, call }: SessionToolHost,
  id: string,
  work: () => Promise<CallToolResult>,
): Promise<CallToolResult> {
  const { request } = call
  try {
    return await work()
  } catch (error) {
    const cause = call.cause(error as Error)
    const problem = problemOf(contextProblem(cause))
    tellProblem(request, null, problem.problem, error as Error, service)
    return failed(wordsOf(cause, problem, sessions.get(request.caller, id.slice(0, 64))))
  }
}

/** Returns the problem of a session that the caller does not have. */
export function unknownSession(id: string): Problem {
  const said = `There is no session ${id.slice(0, 64)}, or no more: open one with open_session, and use the session that it gives.`
  return new Problem('not-found', said)
}

/** Returns an answer of a tool that could not do what it was asked. */
export function failed(text: string): CallToolResult {
  return { isError: true, content: [{ type: 'text', text }] }
}

/** What went wrong, and what a model can do about it. */
function wordsOf(error: Error, { problem, message }: Problem, info: SessionInfo | null): string {
  if (error instanceof SessionLost) {
    const said = message.replace(/ (It has no|Its last) checkpoint.*$/s, '')
    const { checkpoint } = info ?? {}
    if (!checkpoint) return `${said} ${ANOTHER}`
    const at = new Date(checkpoint.atMs).toISOString()
    return `${said} Its last checkpoint is of ${at}: call open_session with recover ${error.id} to go on from there, or open a new session.`
  }
  if (error instanceof SessionGone || problem === 'session-ended') return `${message} ${ANOTHER}`
  if (error instanceof ManagerError && error.code === 'HELD_TOO_MUCH') {
    return `${message} End one that is not needed with close_session, or wait until one expires.`
  }
  return message
}
