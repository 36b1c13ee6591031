import { randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { RunOutcome, RunRequest, RunTimings } from '../../run/types.ts'
import { acceptingOf, acceptRun, type JobService } from './accept.ts'
import { admit } from './admit.ts'
import { beginCall, type Call, type Keepers, wantsEvents } from './call.ts'
import { heldBytes, outcomePieces, outcomeText } from './present.ts'
import { problemOf, sendProblem } from './problems.ts'
import type { RunInput } from './read-run.ts'
import type { NativeService } from './service.ts'
import { streamRun } from './stream.ts'
import { tellOutcome, tellProblem, told } from './tell.ts'

/** A larger answer goes out in pieces, so that it can be seen whether its caller reads it. */
const LARGE_ANSWER_BYTES = 256 * 1024

/** Adds `POST /v1/runs`: runs a program, and answers with its outcome or with its events. */
export function addRunsRoute(
  app: FastifyInstance,
  service: NativeService,
  keepers: Keepers,
  accepting: JobService,
): void {
  app.post('/v1/runs', { config: { rateLimit: {} } }, async (request, reply) => {
    const call = beginCall(request, reply, keepers)
    let run: RunRequest | null = null
    try {
      const [input] = await call.read('run')
      run = admit(input as RunInput, service.templates, call.caller, randomUUID())
      const accepted = acceptingOf(request, input?.fields.callback, accepting.webhooks)
      if (accepted) {
        return await acceptRun(run, accepted, accepting, call, request, reply, keepers)
      }
      if (wantsEvents(request)) return await streamRun(run, call, request, reply, service, keepers)
      const outcome = await startRun(run, call, service)
      return answer(request, reply, run, outcome, service, keepers)
    } catch (error) {
      const problem = problemOf(call.cause(error as Error))
      tellProblem(request, run, problem.problem, error as Error, service)
      return sendProblem(reply, problem)
    } finally {
      call.end()
    }
  })
}

/** Runs it; its body is given back as soon as an executor has it. */
function startRun(run: RunRequest, call: Call, { runs }: NativeService): Promise<RunOutcome> {
  return runs.start(run, { signal: call.signal, onStart: call.giveBodyBack })
}

function answer(
  request: FastifyRequest,
  reply: FastifyReply,
  run: RunRequest,
  outcome: RunOutcome,
  service: NativeService,
  { answers }: Keepers,
): FastifyReply {
  const bytes = heldBytes(outcome)
  const sent = answers.hold(run.caller, bytes, reply.raw)
  reply
    .header('server-timing', serverTiming(outcome.timings))
    .type('application/json; charset=utf-8')
  // Before it is counted and logged: the caller waits.
  if (bytes <= LARGE_ANSWER_BYTES) reply.send(outcomeText(run.id, outcome))
  else reply.send(Readable.from(told(outcomePieces(run.id, outcome), sent)))
  tellOutcome(request, run, outcome, service)
  return reply
}

/** https://www.w3.org/TR/server-timing/ */
function serverTiming({ queueMs, executeMs, collectMs }: RunTimings): string {
  return Object.entries({ queue: queueMs, execute: executeMs, collect: collectMs })
    .map(([name, ms]) => `${name};dur=${ms.toFixed(3)}`)
    .join(', ')
}
