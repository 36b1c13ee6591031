import { randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { ManagerError } from '../../errors.ts'
import type { RunOutcome, RunRequest } from '../../run/types.ts'
import { spendRate } from '../spend-rate.ts'
import { EventStream } from '../sse.ts'
import { admit } from './admit.ts'
import { beginCall, type Call, type Keepers, wantsEvents } from './call.ts'
import { idempotencyKeyOf } from './prefer.ts'
import { heldBytes, outcomePieces } from './present.ts'
import { invalid, type Problem, problemBody, problemOf, sendProblem } from './problems.ts'
import type { RunInput } from './read-run.ts'
import type { NativeService } from './service.ts'
import { tellOutcome, tellProblem } from './tell.ts'

/**
 * Runs of a batch that are begun before the first of them has been answered. Few, so that they are not
 * refused for waiting too long in the queue, where each takes its turn like any other run of its caller,
 * and so that few outcomes wait for those before them.
 */
const AT_ONCE = 8

/** Adds `POST /v1/batches`: many runs, each result as soon as it is there and those before it are. */
export function addBatchesRoute(
  app: FastifyInstance,
  service: NativeService,
  keepers: Keepers,
): void {
  app.post('/v1/batches', { config: { rateLimit: {} } }, async (request, reply) => {
    const call = beginCall(request, reply, keepers)
    try {
      const inputs = await call.read('batch')
      refuseAccepting(request, inputs)
      const runs = inputs.map((input) => admit(input, service.templates, call.caller, randomUUID()))
      await spendRate(app, request, runs.length - 1)
      const batch = new Batch(runs, call, request, reply, service, keepers)
      if (wantsEvents(request)) return await streamResults(batch, reply, call, keepers)
      return await answerResults(batch, reply)
    } catch (error) {
      return sendProblem(reply, problemOf(call.cause(error as Error)))
    } finally {
      call.end()
    }
  })
}

/** What a single run can be asked for is not left out in silence. @throws Problem */
function refuseAccepting(request: FastifyRequest, inputs: readonly RunInput[]): void {
  if (idempotencyKeyOf(request) !== null) {
    const detail = 'The header Idempotency-Key is for POST /v1/runs.'
    throw invalid([{ pointer: '', detail }])
  }
  const given = inputs.find(({ fields }) => fields.callback !== undefined)
  if (given) throw invalid([{ pointer: `${given.at}/callback`, detail: 'is for POST /v1/runs' }])
}

/** Results in order. The answer begins at once: what becomes of a run is its own result's matter. */
async function answerResults(batch: Batch, reply: FastifyReply): Promise<FastifyReply> {
  const pieces = async function* () {
    yield '{"results":['
    for (let index = 0; index < batch.length; index++) {
      const { text, release } = await batch.resultOf(index)
      if (index > 0) yield ','
      yield* text()
      release()
    }
    yield ']}'
  }
  const body = Readable.from(batch.watched(pieces()), { objectMode: false })
  const ended = new Promise((resolve) => body.once('close', resolve))
  reply.type('application/json; charset=utf-8').send(body)
  await ended
  return reply
}

/** Results as they end, each with its place in the batch. */
async function streamResults(
  batch: Batch,
  reply: FastifyReply,
  call: Call,
  { answers }: Keepers,
): Promise<FastifyReply> {
  const stream = new EventStream(reply, call.caller, answers)
  for await (const { index, text, release } of batch.resultsAsTheyEnd()) {
    await stream.sendPieces('result', wrapped(`{"index":${index},"result":`, text()))
    release()
  }
  await stream.finish('done', [JSON.stringify({ count: batch.length })])
  return reply
}

function* wrapped(head: string, pieces: Iterable<string>) {
  yield head
  yield* pieces
  yield '}'
}

interface Result {
  readonly index: number
  /** JSON text, in pieces. */
  readonly text: () => Iterable<string>
  /** It has gone out. */
  readonly release: () => void
}

/** The runs of a batch, of which a few are under way at a time. */
class Batch {
  readonly #runs: readonly RunRequest[]
  readonly #call: Call
  readonly #request: FastifyRequest
  readonly #reply: FastifyReply
  readonly #service: NativeService
  readonly #keepers: Keepers
  readonly #results: Promise<Result>[] = []
  /** Give back what is kept for results that have not gone out. */
  readonly #releases = new Set<() => void>()
  #started = 0

  constructor(
    runs: readonly RunRequest[],
    call: Call,
    request: FastifyRequest,
    reply: FastifyReply,
    service: NativeService,
    keepers: Keepers,
  ) {
    this.#runs = runs
    this.#call = call
    this.#request = request
    this.#reply = reply
    this.#service = service
    this.#keepers = keepers
    reply.raw.once('close', () => {
      for (const release of this.#releases) release()
    })
  }

  get length(): number {
    return this.#runs.length
  }

  /** Begins those up to a few behind it. */
  resultOf(index: number): Promise<Result> {
    this.#beginUpTo(index + AT_ONCE)
    return this.#results[index] as Promise<Result>
  }

  async *resultsAsTheyEnd(): AsyncGenerator<Result> {
    const open = new Map<number, Promise<Result>>()
    for (let ended = 0; ended < this.length && !this.#call.signal.aborted; ended++) {
      const known = this.#results.length
      this.#beginUpTo(ended + AT_ONCE)
      for (const [offset, result] of this.#results.slice(known).entries()) {
        open.set(known + offset, result)
      }
      const result = await Promise.race(open.values())
      open.delete(result.index)
      yield result
    }
  }

  /** Looks after a caller that does not read. */
  async *watched(pieces: AsyncIterable<string>): AsyncGenerator<string> {
    const backlog = this.#keepers.answers.backlog(this.#call.caller, this.#reply.raw)
    for await (const piece of pieces) {
      backlog.add(piece.length)
      yield piece
      // It is asked for the next one when the connection has taken this one.
      backlog.sent(piece.length)
    }
  }

  #beginUpTo(end: number): void {
    while (this.#results.length < Math.min(end, this.length)) {
      const index = this.#results.length
      this.#results.push(this.#result(index, this.#runs[index] as RunRequest))
    }
  }

  async #result(index: number, run: RunRequest): Promise<Result> {
    let hasStarted = false
    const onStart = () => {
      if (!hasStarted && ++this.#started === this.length) this.#call.giveBodyBack()
      hasStarted = true
    }
    try {
      // A run that is begun takes an executor, even if it is ended at once.
      if (this.#call.signal.aborted) throw new ManagerError('RUN_CANCELLED', 'The caller has gone.')
      const outcome = await this.#service.runs.start(run, {
        signal: this.#call.signal,
        onStart,
      })
      tellOutcome(this.#request, run, outcome, this.#service)
      return this.#kept(index, run, outcome)
    } catch (error) {
      onStart()
      const problem = problemOf(this.#call.cause(error as Error))
      tellProblem(this.#request, run, problem.problem, error as Error, this.#service)
      return { index, text: () => [this.#problemText(problem)], release: () => {} }
    }
  }

  #kept(index: number, run: RunRequest, outcome: RunOutcome): Result {
    const { raw } = this.#reply
    const release = this.#keepers.answers.keep(run.caller, heldBytes(outcome), () => raw.destroy())
    this.#releases.add(release)
    return {
      index,
      text: () => outcomePieces(run.id, outcome),
      release: () => {
        this.#releases.delete(release)
        release()
        // It is not needed any more, and may be large.
        this.#results[index] = Promise.reject(new Error('it has gone out'))
        this.#results[index]?.catch(() => {})
      },
    }
  }

  #problemText(problem: Problem): string {
    return JSON.stringify({ problem: problemBody(problem, this.#request.id) })
  }
}
