import { randomUUID } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { RunOutcome, RunRequest } from '../../run/types.ts'
import type { Entry } from '../accounts.ts'
import { Refused } from '../refused.ts'
import { overBudget } from '../uploads.ts'
import { admit, wireLimits } from '../v1/admit.ts'
import { beginCall } from '../v1/call.ts'
import { heldBytes, outcomeDetail } from '../v1/present.ts'
import { problemOf } from '../v1/problems.ts'
import { NO_ARGUMENTS, type RunInput } from '../v1/read-run.ts'
import { tellOutcome, tellProblem } from '../v1/tell.ts'
import { answerOf, hasEndedWell } from './answer.ts'
import type { ExecOptions } from './exec.ts'
import { send, sendFailure } from './failures.ts'
import type { FileUser } from './files.ts'
import { newId } from './ids.ts'
import { readInputs } from './inputs.ts'
import { answersIn, MAX_CALLS, toolRunBody } from './read-tool-run.ts'
import {
  type Called,
  type Round,
  readRound,
  roundOf,
  type ToolRun,
  withAnswers,
  withCalled,
} from './tool-run.ts'
import type { ToolRuns } from './tool-runs.ts'

export interface ToolRunOptions extends ExecOptions {
  readonly toolRuns: ToolRuns
  /** The most that one program and its answers may take. */
  readonly maxBytes: number
}

/** A program, and the token that its caller has for it; null: it is new. */
interface Taken {
  readonly run: ToolRun
  readonly token: string | null
}

/**
 * Answers `POST /exec/programmatic`: runs a program that may call tools of its caller. It is run from its beginning each
 * time that answers have come, so that nothing runs while the caller works.
 * @param canceled fires when the caller cancels the request by another one
 */
export async function executeWithTools(
  request: FastifyRequest,
  reply: FastifyReply,
  options: ToolRunOptions,
  canceled: AbortSignal,
): Promise<FastifyReply> {
  const call = beginCall(request, reply, options)
  const entry = options.inputs.open(call.caller, () => {})
  let taken: Taken | null = null
  let run: RunRequest | null = null
  try {
    const [input] = await call.read('librechat-tools')
    taken = await take(input as RunInput, call.caller, options)
    const round = roundOf(taken.run)
    if (round.stdin.length > options.maxBytes) throw tooLarge()
    if (!entry.add(round.stdin.length)) throw overBudget()
    run = await requestOf(taken.run, round, request, entry, options)
    call.giveBodyBack()
    const outcome = await options.runs.start(run, {
      signal: AbortSignal.any([call.signal, canceled]),
      onStart: () => entry.release(),
    })
    tellOutcome(request, run, outcome, options)
    options.answers.hold(call.caller, heldBytes({ ...outcome, files: [] }), reply.raw)
    const { text, calls } = readRound(outcome.stdout, round.mark)
    const ended = { ...outcome, stdout: text }
    if (calls !== null && hasEndedWell(outcome)) {
      return send(reply, 200, await waitingAnswer(taken, ended, calls, call.caller, options))
    }
    await options.toolRuns.remove(call.caller, taken.token)
    return send(reply, 200, await endedAnswer(taken.run, ended, call.caller, options))
  } catch (error) {
    if (canceled.aborted) await options.toolRuns.remove(call.caller, taken?.token ?? null)
    const cause = call.cause(error as Error)
    tellProblem(request, run, problemOf(cause).problem, error as Error, options)
    return sendFailure(cause, request, reply)
  } finally {
    if (taken?.token) options.toolRuns.giveBack(taken.token)
    entry.release()
    call.end()
  }
}

/** The program that the body has, or that it has answers for. A program that is returned is removed from the store. */
async function take(input: RunInput, caller: string, { toolRuns }: ToolRunOptions): Promise<Taken> {
  const body = toolRunBody(input)
  if (body.kind === 'program') {
    const { language, tools, files, timeoutMs } = body
    // A copy: the code is a view of the body.
    const codeJson = Buffer.from(input.code)
    const session = newId()
    return { run: { language, codeJson, tools, files, timeoutMs, session, calls: [] }, token: null }
  }
  const { token } = body
  if (!toolRuns.take(token)) {
    throw new Refused(409, 'Another continuation of this program is running; try again shortly')
  }
  try {
    const run = await toolRuns.find(caller, token)
    if (!run) throw new Refused(404, 'Execution not found or expired')
    const calls = withAnswers(run.calls, answersIn(input.stdin ?? Buffer.alloc(0)))
    if (calls === null) throw new Refused(400, 'tool_results has an answer to an unknown call')
    return { run: { ...run, calls }, token }
  } catch (error) {
    toolRuns.giveBack(token)
    throw error
  }
}

async function requestOf(
  { language, files: wanted, timeoutMs }: ToolRun,
  { code, mode, stdin, files: own }: Round,
  user: FileUser,
  entry: Entry,
  { templates, files }: ToolRunOptions,
): Promise<RunRequest> {
  const inputs = await readInputs(wanted, user, files, (bytes) => entry.add(bytes))
  const template = templates.find(({ languages }) => languages.includes(language))
  const most = template ? wireLimits(template.limits).wall_ms : 0
  const limits = timeoutMs === null ? {} : { wall_ms: Math.ceil(Math.min(timeoutMs, most)) }
  const fields = { language, mode, argv: [], env: {}, limits }
  const all = [...inputs.filter(({ path }) => own.every((one) => one.path !== path)), ...own]
  const input = { fields, code, argumentsJson: NO_ARGUMENTS, stdin, files: all, at: '' }
  return admit(input, templates, user.caller, randomUUID())
}

/** Nothing is kept of files: the program makes them again. */
async function waitingAnswer(
  { run, token }: Taken,
  outcome: RunOutcome,
  called: readonly Called[],
  caller: string,
  { toolRuns }: ToolRunOptions,
) {
  const known = called.filter(({ tool }) => tool < run.tools.length)
  const { calls, waiting } = withCalled(run.calls, known)
  const [stdout, stderr] = [outcome.stdout.toString(), outcome.stderr.toString()]
  if (waiting.length === 0 || calls.length > MAX_CALLS) {
    await toolRuns.remove(caller, token)
    const error =
      waiting.length === 0
        ? 'The program has called a tool that is not there'
        : `The program has called tools more than ${MAX_CALLS} times`
    return { status: 'error', error, stdout, stderr, session_id: run.session }
  }
  const continuation_token = await toolRuns.keep(caller, token, { ...run, calls })
  return {
    status: 'tool_call_required',
    continuation_token,
    tool_calls: waiting.map(({ id, tool, input }) => ({
      id,
      name: run.tools[tool]?.name,
      input: JSON.parse(input) as unknown,
    })),
    partial_stdout: stdout || undefined,
    partial_stderr: stderr || undefined,
    session_id: run.session,
  }
}

async function endedAnswer(
  run: ToolRun,
  outcome: RunOutcome,
  caller: string,
  { files }: ToolRunOptions,
) {
  const { stdout, stderr, ...answer } = await answerOf(
    outcome,
    run.session,
    run.files,
    caller,
    files,
  )
  const { session_id } = answer
  if (!hasEndedWell(outcome)) {
    return { status: 'error', error: outcomeDetail(outcome), stdout, stderr, session_id }
  }
  const { files: made, artifact_delivery } = answer
  const delivery = artifact_delivery ? { artifact_delivery } : {}
  return { status: 'completed', stdout, stderr, files: made, session_id, ...delivery }
}

function tooLarge(): Refused {
  return new Refused(413, 'The program and the answers of its tools are too large.')
}
