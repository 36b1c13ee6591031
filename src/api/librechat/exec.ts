import { randomUUID } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { RunRequest } from '../../run/types.ts'
import type { Budget } from '../accounts.ts'
import { admit } from '../v1/admit.ts'
import { beginCall, type Keepers } from '../v1/call.ts'
import { heldBytes } from '../v1/present.ts'
import { problemOf } from '../v1/problems.ts'
import { NO_ARGUMENTS, type RunInput } from '../v1/read-run.ts'
import type { NativeService } from '../v1/service.ts'
import { tellOutcome, tellProblem } from '../v1/tell.ts'
import { answerOf } from './answer.ts'
import { send, sendFailure } from './failures.ts'
import type { SessionFiles } from './files.ts'
import { newId } from './ids.ts'
import { readInputs } from './inputs.ts'
import { filesOf } from './read-exec.ts'

export interface ExecOptions extends Keepers {
  readonly runs: NativeService['runs']
  readonly templates: NativeService['templates']
  readonly metrics: NativeService['metrics']
  readonly files: SessionFiles
  /** Files of earlier answers, on their way into a run. */
  readonly inputs: Budget
}

/** Answers `POST /exec`: runs a program with files of earlier answers, and keeps those that it makes. */
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
    const files = await readInputs(wanted, request, options.files, (bytes) => entry.add(bytes))
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
    return send(reply, 200, await answerOf(outcome, newId(), wanted, caller, options.files))
  } catch (error) {
    const cause = call.cause(error as Error)
    tellProblem(request, run, problemOf(cause).problem, error as Error, options)
    return sendFailure(cause, request, reply)
  } finally {
    entry.release()
    call.end()
  }
}
