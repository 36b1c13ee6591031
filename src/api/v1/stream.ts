import { StringDecoder } from 'node:string_decoder'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { RunEvent, RunOutcome, RunRequest } from '../../run/types.ts'
import { EventStream } from '../sse.ts'
import type { Call, Keepers } from './call.ts'
import { heldBytes, outcomePieces } from './present.ts'
import { problemBody, problemOf } from './problems.ts'
import type { NativeService } from './service.ts'
import { tellOutcome, tellProblem, told } from './tell.ts'

/**
 * Runs a program and answers with its events as they come.
 * @throws whatever the run throws before its first event
 */
export async function streamRun(
  run: RunRequest,
  call: Call,
  request: FastifyRequest,
  reply: FastifyReply,
  service: NativeService,
  { answers }: Keepers,
): Promise<FastifyReply> {
  const stream = new EventStream(reply, call.caller, answers)
  const words = new RunWords(run.id, (event, data) => stream.send(event, data))
  let outcome: RunOutcome
  try {
    outcome = await service.runs.start(run, {
      signal: call.signal,
      onStart: call.giveBodyBack,
      onEvent: (event) => words.tell(event),
    })
  } catch (error) {
    if (!stream.isBegun) throw error
    const problem = problemOf(call.cause(error as Error))
    tellProblem(request, run, problem.problem, error as Error, service)
    await stream.finish('error', [JSON.stringify(problemBody(problem, request.id))])
    return reply
  }
  tellOutcome(request, run, outcome, service)
  words.end()
  const sent = answers.hold(call.caller, heldBytes(outcome), reply.raw)
  await stream.finish('done', told(outcomePieces(run.id, outcome), sent))
  return reply
}

/** A run's events in the words of the wire. No character is broken across two of them. */
export class RunWords {
  readonly #id: string
  readonly #send: (event: string, data: string) => void
  readonly #decoders = { stdout: new StringDecoder(), stderr: new StringDecoder() }

  /** @param send gets the event's name and its data on one line */
  constructor(id: string, send: (event: string, data: string) => void) {
    this.#id = id
    this.#send = send
  }

  tell(event: RunEvent): void {
    if (event.type === 'started') {
      const queue_ms = Math.round(event.queueMs * 1000) / 1000
      this.#send('started', JSON.stringify({ id: this.#id, queue_ms }))
    } else if (event.type === 'display') {
      this.#send('display', JSON.stringify({ data: event.data }))
    } else {
      this.#text(event.type, this.#decoders[event.type].write(event.bytes))
    }
  }

  /** Tells the beginning of a character whose end did not come, as U+FFFD. */
  end(): void {
    for (const stream of ['stdout', 'stderr'] as const) {
      this.#text(stream, this.#decoders[stream].end())
    }
  }

  #text(stream: 'stdout' | 'stderr', text: string): void {
    if (text !== '') this.#send(stream, JSON.stringify({ text }))
  }
}
