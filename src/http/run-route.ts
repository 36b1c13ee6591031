import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { CodeResult } from '../contract/code-result.ts'
import { answerPieces, serializeCodeResult } from '../contract/code-result.ts'
import { INTERNAL_ERROR, POOL_BUSY } from '../contract/refusals.ts'
import { parseRunRequest, type ValidationIssue } from '../contract/run-request.ts'
import { ManagerError } from '../errors.ts'
import type { RunFacts } from '../result/facts.ts'
import type { AdmittedRun, RunTimings } from '../scheduler/scheduler.ts'

/** What the route needs of the rest. */
export interface RunService {
  /** Runtime name by accepted language name. */
  readonly languages: ReadonlyMap<string, string>
  submit(run: AdmittedRun, signal: AbortSignal): Promise<{ facts: RunFacts; timings: RunTimings }>
  /** What the facts of a run mean, in the contract's words. */
  classify(facts: RunFacts, runtime: string): CodeResult
  readonly metrics: RunMetrics
}

export interface RunMetrics {
  runEnded(runtime: string, outcome: string): void
  runTimed(runtime: string, timings: PhaseTimings): void
}

type PhaseTimings = RunTimings & { readonly collectMs: number }

/** `POST /run`, RAGFlow's contract: HTTP 200 once the body is valid. */
export function addRunRoute(app: FastifyInstance, service: RunService): void {
  // The limiter, where one is registered, looks for this.
  app.post('/run', { config: { rateLimit: {} } }, async (request, reply) => {
    const parsed = parseRunRequest(bodyOf(request), service.languages)
    if ('issues' in parsed) return refuse(reply, parsed.issues)
    const { runtime, code, argumentsJson } = parsed.request
    const caller = callerOf(request, reply)
    let done: FinishedRun
    try {
      const run = { caller: request.caller, runtime, task: { code, argumentsJson } }
      done = await finishedRun(service, run, caller.signal)
    } catch (error) {
      return answerFailure(request, reply, runtime, error as Error, service.metrics)
    } finally {
      caller.done()
    }
    const { result, body, phases } = done
    reply.header('server-timing', serverTiming(phases))
    // Before it is counted and logged: the caller waits.
    reply.type('application/json; charset=utf-8').send(body)
    service.metrics.runEnded(runtime, result.status)
    service.metrics.runTimed(runtime, phases)
    logRun(request, runtime, result, parsed.request, phases)
    return reply
  })
}

interface FinishedRun {
  readonly result: CodeResult
  readonly body: string | Readable
  readonly phases: PhaseTimings
}

/** @throws ManagerError as submit() does */
async function finishedRun(
  service: RunService,
  run: AdmittedRun,
  signal: AbortSignal,
): Promise<FinishedRun> {
  const { facts, timings } = await service.submit(run, signal)
  const collectStarted = performance.now()
  const result = service.classify(facts, run.runtime)
  const body =
    result.artifacts.length > 0 ? Readable.from(answerPieces(result)) : serializeCodeResult(result)
  return { result, body, phases: { ...timings, collectMs: performance.now() - collectStarted } }
}

/** Without a body there is no content type to parse by either. */
function bodyOf(request: FastifyRequest): Buffer {
  return Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0)
}

function refuse(reply: FastifyReply, detail: readonly ValidationIssue[]): FastifyReply {
  return reply.code(422).send({ detail })
}

/** A signal that fires when the caller hangs up before it has its answer. */
function callerOf(request: FastifyRequest, reply: FastifyReply) {
  const controller = new AbortController()
  const onClose = () => controller.abort()
  reply.raw.once('close', onClose)
  if (request.raw.destroyed) controller.abort()
  return { signal: controller.signal, done: () => reply.raw.off('close', onClose) }
}

function answerFailure(
  request: FastifyRequest,
  reply: FastifyReply,
  runtime: string,
  error: Error,
  metrics: RunMetrics,
): FastifyReply {
  const code = error instanceof ManagerError ? error.code : null
  metrics.runEnded(runtime, code?.toLowerCase() ?? 'unhandled')
  if (code === 'RUN_CANCELLED') {
    request.log.info({ caller: request.caller, runtime, outcome: 'cancelled' }, 'run')
    return reply.code(499).send()
  }
  if (code === 'SHUTTING_DOWN') return reply.code(503).send({ detail: error.message })
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
function serverTiming(timings: PhaseTimings): string {
  const { queueMs, executeMs, collectMs } = timings
  return Object.entries({ queue: queueMs, execute: executeMs, collect: collectMs })
    .map(([name, ms]) => `${name};dur=${ms.toFixed(3)}`)
    .join(', ')
}

/** One line for each run: sizes, times and outcome; never code, arguments or output. */
function logRun(
  request: FastifyRequest,
  runtime: string,
  result: CodeResult,
  sizes: { code: Buffer; argumentsJson: Buffer },
  timings: RunTimings,
): void {
  request.log.info(
    {
      caller: request.caller,
      runtime,
      outcome: result.status,
      limit: result.resource_limit_type ?? undefined,
      codeBytes: sizes.code.length,
      argumentsBytes: sizes.argumentsJson.length,
      resultBytes: result.resultJson?.length ?? 0,
      artifacts: result.artifacts.length,
      queueMs: Math.round(timings.queueMs),
      executeMs: Math.round(timings.executeMs),
      memoryKb: result.memory_used_kb,
    },
    'run',
  )
}
