import { posix } from 'node:path'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { z } from 'zod'
import { type CommandOutcome, type CommandRequest, runCommand } from '../../sessions/command.ts'
import type { SessionFiles } from '../../sessions/files.ts'
import type { Sessions, SessionUse } from '../../sessions/types.ts'
import type { Budget } from '../accounts.ts'
import type { Answers } from '../answers.ts'
import type { ApiKeys } from '../api-keys.ts'
import { bodyValue } from '../body-value.ts'
import type { Connections } from '../connections.ts'
import type { ParsingThread } from '../parsing-thread.ts'
import { Refused, unreadAnswers } from '../refused.ts'
import { runCallerOf } from '../run-caller.ts'
import { type Holding, inSession } from '../session-work.ts'
import { type Body, overBudget, type Uploads } from '../uploads.ts'
import { SANDBOX_PROGRAM } from './sandbox-program.ts'
import { personOf, type Workplace, type Workplaces } from './workplaces.ts'

export interface OpenTerminalOptions {
  readonly sessions: Sessions
  readonly answers: Answers
  readonly connections: Connections
  readonly uploads: Uploads
  readonly parsing: ParsingThread
  /** Frames on their way in. */
  readonly frames: Budget
  readonly keys: ApiKeys
}

export interface OpenTerminal extends OpenTerminalOptions {
  readonly places: Workplaces
  /** The service stops. */
  readonly stopping: AbortSignal
}

/** Of a body of JSON, and of a file that goes through JSON. */
export const MAX_JSON_BYTES = 8 * 1024 ** 2
const WORK_MS = 60_000

/** What a request works with. */
export interface Work {
  readonly place: Workplace
  readonly files: SessionFiles
  readonly use: SessionUse
  readonly signal: AbortSignal
  readonly holding: Holding
  /** Returns a path as the sandbox knows it: from the folder of the chat, unless it is absolute. */
  path(asked: string): string
}

/** Works in the session of whoever asks, which is made where there is none. */
export async function workFor<T>(
  { places, sessions, answers, frames, stopping }: OpenTerminal,
  request: FastifyRequest,
  reply: FastifyReply,
  does: (work: Work) => Promise<T>,
): Promise<T> {
  if (!answers.hasRoomFor(request.caller)) throw unreadAnswers()
  const watched = runCallerOf(request, reply, null)
  const signal = AbortSignal.any([watched.signal, stopping])
  const holding = { caller: request.caller, answers, frames }
  try {
    const place = await places.of(personOf(request))
    const path = (asked: string) => pathFrom(place.cwd, asked)
    return await inSession(
      { sessions, caller: request.caller, session: place.session, signal },
      (files, use) => does({ place, files, use, signal, holding, path }),
    )
  } finally {
    watched.done()
  }
}

/**
 * Reads a body of JSON.
 * @throws Refused; what bodyValue() throws
 */
export async function bodyOf<T extends z.ZodType>(
  { parsing }: OpenTerminal,
  request: FastifyRequest,
  schema: T,
): Promise<z.output<T>> {
  const body = (request.body ?? null) as Body | null
  try {
    if ((body?.bytes ?? 0) > MAX_JSON_BYTES) throw new Refused(413, 'The body is too large.')
    const json = await bodyValue(request, parsing)
    if (json === null) throw new Refused(422, 'The request has no body.')
    if ('wrong' in json) throw new Refused(400, `The body ${json.wrong}.`)
    const read = schema.safeParse(json.value)
    if (read.success) return read.data
    const [issue] = read.error.issues
    throw new Refused(400, `${issue?.path.join('.') || 'The body'}: ${issue?.message}`)
  } finally {
    body?.entry.release()
  }
}

/**
 * Reads the query of a request.
 * @throws Refused
 */
export function queryOf<T extends z.ZodType>({ query }: FastifyRequest, schema: T): z.output<T> {
  const read = schema.safeParse(query)
  if (read.success) return read.data
  const [issue] = read.error.issues
  throw new Refused(422, `${issue?.path.join('.')}: ${issue?.message}`)
}

/**
 * Has something done by the program in the sandbox.
 * @param stdin what it reads
 * @returns what it prints
 * @throws Refused with what it says
 */
export async function workInside(
  { use, signal, holding }: Work,
  name: string,
  args: object,
  outputBytes = MAX_JSON_BYTES,
  stdin: Buffer | null = null,
): Promise<Buffer> {
  const argv = ['python3', '-c', SANDBOX_PROGRAM, name, JSON.stringify(args)]
  const asked = { argv, cwd: '/', env: {}, stdin, wallTimeMs: WORK_MS, outputBytes }
  const { end, exitCode, stdout, stderr } = await runHeld(holding, use, asked, signal)
  if (end === 'output') throw new Refused(413, `This has more than ${outputBytes} bytes.`)
  if (end === 'time') throw new Refused(408, `This takes longer than ${WORK_MS / 1000} s.`)
  if (exitCode !== 0) {
    const said = stderr.toString().trim().split('\n').at(-1) ?? ''
    throw new Refused(400, `The sandbox could not do it: ${said.slice(0, 300)}`)
  }
  return stdout
}

/**
 * Runs a command. What it reads and what it says is on the caller's account meanwhile: the sandbox says when it ends.
 * @throws Refused 429 when the account is full
 */
async function runHeld(
  { caller, answers, frames }: Holding,
  use: SessionUse,
  asked: CommandRequest,
  signal: AbortSignal,
): Promise<CommandOutcome> {
  const full = new AbortController()
  const input = frames.open(caller, () => full.abort(overBudget()))
  const output = answers.gather(caller, () => full.abort(unreadAnswers()))
  try {
    if (asked.stdin && !input.add(asked.stdin.length)) throw overBudget()
    const outcome = await runCommand(
      use,
      asked,
      AbortSignal.any([signal, full.signal]),
      (event) => {
        const isHeld = event.type === 'started' || output.add(event.bytes.length)
        if (!isHeld) full.abort(unreadAnswers())
      },
    )
    full.signal.throwIfAborted()
    return outcome
  } finally {
    input.release()
    output.release()
  }
}

/** Has something done inside that is answered in JSON. */
export async function jsonInside(
  work: Work,
  name: string,
  args: object,
  stdin: Buffer | null = null,
): Promise<object> {
  const told = objectIn(await workInside(work, name, args, MAX_JSON_BYTES, stdin))
  const { status, detail } = told as { status?: unknown; detail?: unknown }
  if (typeof status === 'number')
    throw new Refused(status === 404 || status === 413 ? status : 400, String(detail))
  return told
}

function objectIn(json: Buffer): object {
  try {
    const value = JSON.parse(json.toString()) as unknown
    if (typeof value === 'object' && value !== null) return value
  } catch {}
  throw new Refused(400, 'The sandbox has no answer.')
}

function pathFrom(cwd: string, asked: string): string {
  if (asked.includes('\0')) throw new Refused(400, 'The path has a zero byte.')
  const from = asked.replace(/^~(?=\/|$)/, '/home/user')
  return posix.resolve(cwd, from)
}
