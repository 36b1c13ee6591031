import { randomUUID } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { ManagerError } from '../../errors.ts'
import { mediaTypeOf } from '../../run/media-types.ts'
import type { InputFile, OutputFile, RunOutcome, RunRequest } from '../../run/types.ts'
import type { Budget } from '../accounts.ts'
import { overBudget } from '../uploads.ts'
import { admit } from '../v1/admit.ts'
import { beginCall, type Keepers } from '../v1/call.ts'
import { heldBytes, outcomeDetail, signalName, statusOf } from '../v1/present.ts'
import { problemOf } from '../v1/problems.ts'
import { NO_ARGUMENTS, type RunInput } from '../v1/read-run.ts'
import type { NativeService } from '../v1/service.ts'
import { tellOutcome, tellProblem } from '../v1/tell.ts'
import { send, sendFailure } from './failures.ts'
import type { SessionFile, SessionFiles } from './files.ts'
import { newId } from './ids.ts'
import { type FileIn, filesOf } from './read-exec.ts'

export interface ExecOptions extends Keepers {
  readonly runs: NativeService['runs']
  readonly templates: NativeService['templates']
  readonly metrics: NativeService['metrics']
  readonly files: SessionFiles
  /** Files of earlier answers, on their way into a run. */
  readonly inputs: Budget
}

/** A file as an answer names it; both generations of LibreChat find their name of the session. */
interface FileOut {
  readonly id: string
  readonly name: string
  readonly storage_session_id: string
  readonly session_id: string
  readonly inherited?: true
  readonly modified_from?: { id: string; storage_session_id: string; session_id: string }
}

/** `POST /exec`: runs a program with files of earlier answers, and keeps those that it makes. */
export async function execute(
  request: FastifyRequest,
  reply: FastifyReply,
  options: ExecOptions,
): Promise<FastifyReply> {
  const call = beginCall(request, reply, options)
  const { caller } = call
  const entry = options.inputs.open(caller, () => {})
  let run: RunRequest | null = null
  try {
    const [read] = await call.read('librechat')
    const asked = read as RunInput
    const wanted = filesOf(asked)
    const files = await readInputs(wanted, caller, options, (bytes) => entry.add(bytes))
    const input = { ...asked, argumentsJson: NO_ARGUMENTS, files }
    run = admit(input, options.templates, caller, randomUUID())
    const outcome = await options.runs.start(run, {
      signal: call.signal,
      onStart: () => {
        call.giveBodyBack()
        entry.release()
      },
    })
    tellOutcome(request, run, outcome, options)
    options.answers.hold(caller, heldBytes({ ...outcome, files: [], resultJson: null }), reply.raw)
    return send(reply, 200, await answerOf(outcome, wanted, caller, options.files))
  } catch (error) {
    const cause = call.cause(error as Error)
    tellProblem(request, run, problemOf(cause).problem, error as Error, options)
    return sendFailure(cause, request, reply)
  } finally {
    entry.release()
    call.end()
  }
}

/** What is not there any more is left out: the program says so better than a refusal. */
async function readInputs(
  wanted: readonly FileIn[],
  caller: string,
  { files }: ExecOptions,
  account: (bytes: number) => boolean,
): Promise<InputFile[]> {
  const inputs = new Map<string, InputFile>()
  for (const { id, name, session } of wanted) {
    const file = await files.find(caller, session, id)
    if (!file) continue
    if (!account(file.size)) throw overBudget()
    const found = await files.open(caller, file)
    if (!found) continue
    const pieces: Buffer[] = []
    for await (const piece of found.read()) pieces.push(piece)
    inputs.set(name, { path: name, content: Buffer.concat(pieces) })
  }
  return [...inputs.values()]
}

async function answerOf(
  outcome: RunOutcome,
  wanted: readonly FileIn[],
  caller: string,
  files: SessionFiles,
) {
  const session = newId()
  // LibreChat tells its model that nothing is kept of a failed run.
  const isGood = outcome.end === 'exit' && outcome.exitCode === 0
  const made = isGood ? outcome.files : []
  const kept = await keepOutputs(made, wanted, caller, session, files)
  const changed = new Set(made.map(({ path }) => path))
  const inherited = wanted.filter(({ name }) => !changed.has(name)).map(inheritedOf)
  return {
    session_id: session,
    stdout: outcome.stdout.toString(),
    stderr: stderrOf(outcome),
    files: [...kept.files, ...inherited],
    code: outcome.exitCode,
    signal: outcome.signal === null ? null : signalName(outcome.signal),
    message: isGood ? null : outcomeDetail(outcome),
    status: statusOf(outcome),
    wall_time: Math.round(outcome.usage.wallMs),
    ...(kept.delivery ? { artifact_delivery: kept.delivery } : {}),
  }
}

async function keepOutputs(
  made: readonly OutputFile[],
  wanted: readonly FileIn[],
  caller: string,
  session: string,
  files: SessionFiles,
) {
  const out: FileOut[] = []
  let failure: ManagerError | null = null
  for (const { path, content } of made) {
    try {
      const mediaType = mediaTypeOf(path)
      const file = await files.add(caller, session, { name: path, mediaType, content })
      const before = wanted.findLast(({ name }) => name === path)
      out.push({ ...fileOut(file), ...(before ? { modified_from: referenceTo(before) } : {}) })
    } catch (error) {
      // The program has run: what it printed must not be lost because its files cannot be kept.
      if (!(error instanceof ManagerError)) throw error
      failure = error
    }
  }
  if (!failure) return { files: out, delivery: null }
  const [attempted, delivered] = [made.length, out.length]
  const counts = { attempted, delivered, failed: attempted - delivered }
  const delivery = { code: 'artifact_delivery_failed', status: failure.httpStatus, ...counts }
  return { files: out, delivery }
}

function fileOut({ id, name, session }: SessionFile): FileOut {
  return { id, name, storage_session_id: session, session_id: session }
}

function inheritedOf({ id, name, session }: FileIn): FileOut {
  return { id, name, storage_session_id: session, session_id: session, inherited: true }
}

function referenceTo({ id, session }: FileIn) {
  return { id, storage_session_id: session, session_id: session }
}

/** A model reads stdout and stderr only, so that an end that the program does not tell of stands there. */
function stderrOf(outcome: RunOutcome): string {
  const stderr = outcome.stderr.toString()
  if (outcome.end === 'exit') return stderr
  return `${stderr}${stderr === '' || stderr.endsWith('\n') ? '' : '\n'}${outcomeDetail(outcome)}`
}
