import { randomUUID } from 'node:crypto'
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { RunEvent } from '../../run/types.ts'
import type { ContextOutcome } from '../../sessions/context-types.ts'
import type { Sessions, SessionUse } from '../../sessions/types.ts'
import { EventStream } from '../sse.ts'
import { beginCall, type Call, type Keepers, wantsEvents } from './call.ts'
import { heldBytes } from './present.ts'
import { Problem, problemBody, problemOf } from './problems.ts'
import { noSession, type SessionRequest, take } from './session-call.ts'
import { contextProblem, contextRunOf, readSessionRun } from './sessions-contexts-call.ts'
import { sessionOutcomeText, sessionStatusOf } from './sessions-contexts-present.ts'
import { RunWords } from './stream.ts'

type RunParams = { Params: { id: string; run: string } }

/** Adds `/v1/sessions/{id}/runs`: runs code in the contexts of a session. */
export function addSessionRunsRoutes(
  app: FastifyInstance,
  sessions: Sessions,
  keepers: Keepers,
): void {
  app.post<RunParams>('/v1/sessions/:id/runs', async (request, reply) => {
    const call = beginCall(request, reply, keepers)
    let use: SessionUse | null = null
    try {
      const asked = readSessionRun(request)
      const contexts = sessions.contexts(call.caller, request.params.id)
      if (!contexts) throw noSession(request.params.id)
      const kernel = contexts.kernelOf(asked.fields)
      const run = contextRunOf(asked, kernel)
      use = await take(sessions, request as SessionRequest)
      const id = randomUUID()
      const { context, language } = asked.fields
      const started = (onEvent: (event: RunEvent) => void) =>
        contexts.run(id, { context, language }, use as SessionUse, run, {
          signal: call.signal,
          onEvent: (event) => {
            if (event.type === 'started') call.giveBodyBack()
            onEvent(event)
          },
        })
      const told = { id, context: context ?? kernel.language }
      const answer = wantsEvents(request) ? answerEvents : answerWhole
      const outcome = await answer(started, told, call, request, reply, keepers)
      if (outcome) logSessionRun(request, request.params.id, id, kernel.language, outcome)
      return reply
    } catch (error) {
      if (call.signal.aborted) throw call.cause(new Problem('canceled', 'The caller has gone.'))
      throw contextProblem(call.cause(error as Error))
    } finally {
      use?.release()
      call.end()
    }
  })
  app.delete<RunParams>('/v1/sessions/:id/runs/:run', async ({ caller, params }, reply) => {
    const contexts = sessions.contexts(caller, params.id)
    if (!contexts) throw noSession(params.id)
    if (!contexts.cancel(params.run)) {
      throw new Problem('not-found', `No run ${params.run.slice(0, 64)} is on in this session.`)
    }
    return reply.code(202).send()
  })
}

type Start = (onEvent: (event: RunEvent) => void) => Promise<ContextOutcome>
type Told = { readonly id: string; readonly context: string }

async function answerWhole(
  start: Start,
  { id, context }: Told,
  call: Call,
  _request: unknown,
  reply: FastifyReply,
  { answers }: Keepers,
): Promise<ContextOutcome> {
  const outcome = await start(() => {})
  answers.hold(call.caller, heldBytes(outcome), reply.raw)
  reply.type('application/json; charset=utf-8').send(sessionOutcomeText(id, context, outcome))
  return outcome
}

async function answerEvents(
  start: Start,
  { id, context }: Told,
  call: Call,
  request: { readonly id: string },
  reply: FastifyReply,
  { answers }: Keepers,
): Promise<ContextOutcome | null> {
  const stream = new EventStream(reply, call.caller, answers)
  const words = new RunWords(id, (event, data) => stream.send(event, data))
  try {
    const outcome = await start((event) => words.tell(event))
    words.end()
    answers.hold(call.caller, heldBytes(outcome), reply.raw)
    await stream.finish('done', [sessionOutcomeText(id, context, outcome)])
    return outcome
  } catch (error) {
    if (!stream.isBegun) throw error
    const problem = problemOf(contextProblem(call.cause(error as Error)))
    await stream.finish('error', [JSON.stringify(problemBody(problem, request.id))])
    return null
  }
}

/** Logs a run in a session: sizes, times and status; never code or output. */
export function logSessionRun(
  request: Pick<SessionRequest, 'log' | 'caller'>,
  session: string,
  run: string,
  language: string,
  outcome: ContextOutcome,
): void {
  request.log.info(
    {
      caller: request.caller,
      session: session.slice(0, 6),
      run,
      language,
      outcome: sessionStatusOf(outcome),
      queueMs: Math.round(outcome.timings.queueMs),
      executeMs: Math.round(outcome.timings.executeMs),
    },
    'run in a session',
  )
}
