import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { ManagerError } from '../../errors.ts'
import type { RunOutcome, RunRequest, Runs, RunTimings } from '../../run/types.ts'
import type { Answers } from '../answers.ts'
import type { Connections } from '../connections.ts'
import { LARGE_BODY_BYTES, type ParsingThread } from '../parsing-thread.ts'
import { Refused, unreadAnswers } from '../refused.ts'
import { runCallerOf } from '../run-caller.ts'
import { type Body, overBudget } from '../uploads.ts'
import { answerPieces, type CodeResult, heldBytes, serializeCodeResult } from './code-result.ts'
import { handleFailure } from './failures.ts'
import { presentOutcome } from './present.ts'
import {
  type ParsedRequest,
  parseRunRequest,
  type RagflowRequest,
  unknownTemplate,
  type ValidationIssue,
} from './run-request.ts'

/** What the front door needs of the rest. */
export interface RagflowOptions {
  readonly runs: Runs
  /** Runtime name by accepted language name. */
  readonly languages: ReadonlyMap<string, string>
  /** What a body may name as its template; read with each request. */
  readonly templates: readonly { readonly name: string; readonly languages: readonly string[] }[]
  readonly metrics: RunMetrics
  /** The accounts on which the routes count what they hold for a caller. */
  readonly connections: Connections
  readonly answers: Answers
  readonly parsing: ParsingThread
}

export interface RunMetrics {
  runEnded(runtime: string, outcome: string): void
  runTimed(runtime: string, timings: RunTimings): void
}

/** A larger answer goes out in pieces, so that it can be seen whether its caller reads it. */
const LARGE_ANSWER_BYTES = 256 * 1024

/**
 * Adds the front door for RAGFlow, a Fastify plugin: `POST /run`, which answers HTTP 200 once the body is
 * valid; also under `/ragflow`. It needs the body parser and `request.caller` of buildApp().
 */
export async function ragflow(app: FastifyInstance, options: RagflowOptions): Promise<void> {
  const { runs, connections, answers, metrics } = options
  app.setErrorHandler(handleFailure)
  app.get('/ragflow/healthz', { config: { isOpen: true } }, async () => ({ status: 'ok' }))
  const run = async (request: FastifyRequest, reply: FastifyReply) => {
    const body = (request.body ?? null) as Body | null
    const caller = runCallerOf(request, reply, body)
    let template: string | null = null
    let isStarted = false
    try {
      connections.work(request.raw.socket, null)
      if (!answers.hasRoomFor(request.caller)) throw unreadAnswers()
      const parsed = await readBody(body, request.caller, caller.signal, options)
      if ('issues' in parsed) return refuse(reply, parsed.issues)
      const issue = templateIssue(parsed.request, options.templates)
      if (issue) return refuse(reply, [issue])
      const asked = runRequestOf(request, parsed.request)
      template = asked.template
      const outcome = await runs.start(asked, {
        signal: caller.signal,
        // What an executor has is bounded by the number of executors.
        onStart: () => {
          isStarted = true
          body?.entry.release()
        },
      })
      return answer(request, reply, asked, outcome, options)
    } catch (error) {
      if (error instanceof Refused) throw error
      if (body?.evicted) throw overBudget()
      const failure = failedRun(request, template, error as Error, metrics)
      throw isStarted ? notToBeResent(failure) : failure
    } finally {
      body?.entry.release()
      caller.done()
    }
  }
  // The limiter, where one is registered, looks for the setting.
  for (const at of ['', '/ragflow']) app.post(`${at}/run`, { config: { rateLimit: {} } }, run)
}

/** In place where it is small: another thread would take longer. */
function readBody(
  body: Body | null,
  caller: string,
  signal: AbortSignal,
  { languages, parsing }: RagflowOptions,
): ParsedRequest | Promise<ParsedRequest> {
  // Without a body there is no content type to parse by either.
  if (body === null) return parseRunRequest(Buffer.alloc(0), languages)
  const blocks = body.takeBlocks()
  if (body.bytes > LARGE_BODY_BYTES) return parsing.parse(caller, blocks, body.bytes, signal)
  const [first] = blocks
  return parseRunRequest(blocks.length === 1 && first ? first : Buffer.concat(blocks), languages)
}

/** What is wrong with the template that a body names; null: nothing. */
function templateIssue(
  { runtime, template }: RagflowRequest,
  templates: RagflowOptions['templates'],
): ValidationIssue | null {
  if (template === null) return null
  const fitting = templates.filter(
    ({ languages }) => runtime === null || languages.includes(runtime),
  )
  if (fitting.some(({ name }) => name === template)) return null
  return unknownTemplate(
    template,
    fitting.map(({ name }) => name),
  )
}

function runRequestOf(
  { id, caller }: FastifyRequest,
  { runtime, template, code, argumentsJson }: RagflowRequest,
): RunRequest {
  return {
    id,
    caller,
    template: template ?? runtime ?? '',
    program: { code, mode: 'function', argumentsJson, argv: [] },
    stdin: null,
    env: {},
    files: [],
    limits: {},
    collect: null,
  }
}

function answer(
  request: FastifyRequest,
  reply: FastifyReply,
  run: RunRequest,
  outcome: RunOutcome,
  { metrics, answers }: RagflowOptions,
): FastifyReply {
  const { timings } = outcome
  const result = presentOutcome(outcome)
  const bytes = heldBytes(result)
  const sent = answers.hold(run.caller, bytes, reply.raw)
  reply.header('server-timing', serverTiming(timings)).type('application/json; charset=utf-8')
  // Before it is counted and logged: the caller waits.
  if (bytes <= LARGE_ANSWER_BYTES) reply.send(serializeCodeResult(result))
  else reply.send(Readable.from(told(answerPieces(result), sent)))
  metrics.runEnded(run.template, result.status)
  metrics.runTimed(run.template, timings)
  logRun(request, run, result, timings)
  return reply
}

function* told(pieces: Iterable<string>, sent: (bytes: number) => void) {
  for (const piece of pieces) {
    yield piece
    // It is asked for the next one when the connection has taken this one.
    sent(piece.length)
  }
}

function refuse(reply: FastifyReply, detail: readonly ValidationIssue[]): FastifyReply {
  return reply.code(422).send({ detail })
}

/** RAGFlow sends again what was answered 5xx: code that has run must not be run a second time by that. */
function notToBeResent(failure: ManagerError): ManagerError {
  // A pool that is busy has a result of its own.
  if (failure.httpStatus <= 500 || failure.code === 'POOL_BUSY') return failure
  return new ManagerError('ENGINE_FAILED', failure.message, { cause: failure })
}

/** Counts and logs a run that has no outcome. @returns what handleFailure() answers */
function failedRun(
  { log, caller }: FastifyRequest,
  runtime: string | null,
  error: Error,
  metrics: RunMetrics,
): ManagerError {
  const failure =
    error instanceof ManagerError
      ? error
      : new ManagerError('ENGINE_FAILED', error.message, { cause: error })
  const { code } = failure
  if (runtime !== null) {
    metrics.runEnded(runtime, failure === error ? code.toLowerCase() : 'unhandled')
  }
  if (code === 'RUN_CANCELLED') log.info({ caller, runtime, outcome: 'cancelled' }, 'run')
  else if (code === 'REQUEST_NOT_READ') log.error({ caller, err: error }, 'request not read')
  else if (code === 'POOL_BUSY') log.warn({ caller, runtime, outcome: 'busy' }, 'run')
  else if (code !== 'SHUTTING_DOWN') {
    log.error({ runtime, outcome: 'internal_error', err: error }, 'run')
  }
  return failure
}

/** https://www.w3.org/TR/server-timing/ */
function serverTiming(timings: RunTimings): string {
  const { queueMs, executeMs, collectMs } = timings
  return Object.entries({ queue: queueMs, execute: executeMs, collect: collectMs })
    .map(([name, ms]) => `${name};dur=${ms.toFixed(3)}`)
    .join(', ')
}

/** One line for each run: sizes, times and outcome; never code, arguments or output. */
function logRun(
  request: FastifyRequest,
  { template, program }: RunRequest,
  result: CodeResult,
  timings: RunTimings,
): void {
  request.log.info(
    {
      caller: request.caller,
      runtime: template,
      outcome: result.status,
      limit: result.resource_limit_type ?? undefined,
      codeBytes: program.code.length,
      argumentsBytes: program.argumentsJson.length,
      resultBytes: result.resultJson?.length ?? 0,
      artifacts: result.artifacts.length,
      queueMs: Math.round(timings.queueMs),
      executeMs: Math.round(timings.executeMs),
      memoryKb: result.memory_used_kb,
    },
    'run',
  )
}
