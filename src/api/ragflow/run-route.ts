import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { AdmittedRun, ScheduleTimings } from '../../dispatch/scheduler.ts'
import { ManagerError } from '../../errors.ts'
import type { Verdict } from '../../run/judge.ts'
import type { RunRecord } from '../../run/record.ts'
import type { RunTimings } from '../../run/types.ts'
import type { Answers } from '../answers.ts'
import type { Connections } from '../connections.ts'
import { Refused } from '../refused.ts'
import { type Body, overBudget } from '../uploads.ts'
import type { CodeResult } from './code-result.ts'
import { answerPieces, heldBytes, serializeCodeResult } from './code-result.ts'
import { INTERNAL_ERROR, POOL_BUSY } from './fixed-responses.ts'
import type { ParsingThread } from './parsing-thread.ts'
import { presentOutcome } from './present.ts'
import {
  type ParsedRequest,
  parseRunRequest,
  type RunRequest,
  type ValidationIssue,
} from './run-request.ts'

/** What the route needs of the rest. */
export interface RunService {
  /** Runtime name by accepted language name. */
  readonly languages: ReadonlyMap<string, string>
  submit(
    run: AdmittedRun,
    signal: AbortSignal,
  ): Promise<{ facts: RunRecord; timings: ScheduleTimings }>
  /** What the facts of a run mean. */
  judge(facts: RunRecord, runtime: string, check?: (result: Buffer) => string | null): Verdict
  readonly metrics: RunMetrics
}

export interface RunMetrics {
  runEnded(runtime: string, outcome: string): void
  runTimed(runtime: string, timings: RunTimings): void
}

/** Who keeps what the route holds for a caller. */
export interface RunKeepers {
  readonly connections: Connections
  readonly answers: Answers
  readonly parsing: ParsingThread
}

/** A larger body, or result, is read in a thread of its own; this much takes less than a millisecond. */
const LARGE_BODY_BYTES = 64 * 1024
/** A larger answer goes out in pieces, so that it can be seen whether its caller reads it. */
const LARGE_ANSWER_BYTES = 256 * 1024

/** `POST /run`, RAGFlow's contract: HTTP 200 once the body is valid. */
export function addRunRoute(app: FastifyInstance, service: RunService, keepers: RunKeepers): void {
  // The limiter, where one is registered, looks for this.
  app.post('/run', { config: { rateLimit: {} } }, async (request, reply) => {
    const body = (request.body ?? null) as Body | null
    const caller = callerOf(request, reply, body)
    let runtime: string | null = null
    try {
      keepers.connections.work(request.raw.socket, null)
      if (!keepers.answers.hasRoomFor(request.caller)) throw unreadAnswers()
      const parsed = await readBody(body, request.caller, caller.signal, service, keepers)
      if ('issues' in parsed) return refuse(reply, parsed.issues)
      const run = admit(request.caller, parsed.request, body)
      runtime = run.runtime
      const done = await finishedRun(service, run, caller.signal, keepers)
      return answer(request, reply, run, done, service, keepers)
    } catch (error) {
      if (error instanceof Refused) throw error
      if (body?.evicted) throw overBudget()
      return answerFailure(request, reply, runtime, error as Error, service.metrics)
    } finally {
      body?.entry.release()
      caller.done()
    }
  })
}

/** In place where it is small: another thread would take longer. */
function readBody(
  body: Body | null,
  caller: string,
  signal: AbortSignal,
  { languages }: RunService,
  { parsing }: RunKeepers,
): ParsedRequest | Promise<ParsedRequest> {
  // Without a body there is no content type to parse by either.
  if (body === null) return parseRunRequest(Buffer.alloc(0), languages)
  const blocks = body.takeBlocks()
  if (body.bytes > LARGE_BODY_BYTES) return parsing.parse(caller, blocks, body.bytes, signal)
  const [first] = blocks
  return parseRunRequest(blocks.length === 1 && first ? first : Buffer.concat(blocks), languages)
}

function admit(caller: string, request: RunRequest, body: Body | null): AdmittedRun {
  const { runtime, code, argumentsJson } = request
  return {
    caller,
    runtime,
    task: { code, argumentsJson },
    // What an executor has is bounded by the number of executors.
    onLease: () => body?.entry.release(),
  }
}

interface FinishedRun {
  readonly result: CodeResult
  readonly phases: RunTimings
}

/** @throws ManagerError as submit() does */
async function finishedRun(
  service: RunService,
  run: AdmittedRun,
  signal: AbortSignal,
  { parsing }: RunKeepers,
): Promise<FinishedRun> {
  const { facts, timings } = await service.submit(run, signal)
  const collectStarted = performance.now()
  const said = facts.transcript.result
  let check: ((result: Buffer) => string | null) | undefined
  if (said !== null && said.length > LARGE_BODY_BYTES) {
    const wrong = await parsing.checkResult(run.caller, said, signal)
    check = () => wrong
  }
  const verdict = service.judge(facts, run.runtime, check)
  const phases = { ...timings, collectMs: performance.now() - collectStarted }
  return { result: presentOutcome({ ...verdict, timings: phases }), phases }
}

function answer(
  request: FastifyRequest,
  reply: FastifyReply,
  run: AdmittedRun,
  { result, phases }: FinishedRun,
  { metrics }: RunService,
  { answers }: RunKeepers,
): FastifyReply {
  const bytes = heldBytes(result)
  const sent = answers.hold(run.caller, bytes, reply.raw)
  reply.header('server-timing', serverTiming(phases)).type('application/json; charset=utf-8')
  // Before it is counted and logged: the caller waits.
  if (bytes <= LARGE_ANSWER_BYTES) reply.send(serializeCodeResult(result))
  else reply.send(Readable.from(told(answerPieces(result), sent)))
  metrics.runEnded(run.runtime, result.status)
  metrics.runTimed(run.runtime, phases)
  logRun(request, run, result, phases)
  return reply
}

function* told(pieces: Iterable<string>, sent: (bytes: number) => void) {
  for (const piece of pieces) {
    yield piece
    // It is asked for the next one when the connection has taken this one.
    sent(piece.length)
  }
}

function unreadAnswers(): Refused {
  return new Refused(429, 'Read the answers that you have been given before you ask for more.', 5)
}

function refuse(reply: FastifyReply, detail: readonly ValidationIssue[]): FastifyReply {
  return reply.code(422).send({ detail })
}

/** A signal that fires when the caller hangs up before it has its answer, or its body is evicted. */
function callerOf(request: FastifyRequest, reply: FastifyReply, body: Body | null) {
  const controller = new AbortController()
  const abort = () => controller.abort()
  reply.raw.once('close', abort)
  if (body) body.onEvicted = abort
  // Not the request, which is destroyed as soon as it has been read.
  if (request.raw.socket.destroyed || body?.evicted) abort()
  return { signal: controller.signal, done: () => reply.raw.off('close', abort) }
}

function answerFailure(
  request: FastifyRequest,
  reply: FastifyReply,
  runtime: string | null,
  error: Error,
  metrics: RunMetrics,
): FastifyReply {
  const code = error instanceof ManagerError ? error.code : null
  if (runtime !== null) metrics.runEnded(runtime, code?.toLowerCase() ?? 'unhandled')
  if (code === 'RUN_CANCELLED') {
    request.log.info({ caller: request.caller, runtime, outcome: 'cancelled' }, 'run')
    return reply.code(499).send()
  }
  if (code === 'SHUTTING_DOWN') return reply.code(503).send({ detail: error.message })
  if (code === 'REQUEST_NOT_READ') {
    request.log.error({ caller: request.caller, err: error }, 'request not read')
    return reply.code(503).header('retry-after', 1).send({ detail: error.message })
  }
  if (code === 'POOL_BUSY') {
    request.log.warn({ caller: request.caller, runtime, outcome: 'busy' }, 'run')
    return sendResult(reply, POOL_BUSY)
  }
  request.log.error({ runtime, outcome: 'internal_error', err: error }, 'run')
  return sendResult(reply, INTERNAL_ERROR)
}

function sendResult(reply: FastifyReply, result: CodeResult): FastifyReply {
  return reply.type('application/json; charset=utf-8').send(serializeCodeResult(result))
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
  { runtime, task }: AdmittedRun,
  result: CodeResult,
  timings: RunTimings,
): void {
  request.log.info(
    {
      caller: request.caller,
      runtime,
      outcome: result.status,
      limit: result.resource_limit_type ?? undefined,
      codeBytes: task.code.length,
      argumentsBytes: task.argumentsJson.length,
      resultBytes: result.resultJson?.length ?? 0,
      artifacts: result.artifacts.length,
      queueMs: Math.round(timings.queueMs),
      executeMs: Math.round(timings.executeMs),
      memoryKb: result.memory_used_kb,
    },
    'run',
  )
}
