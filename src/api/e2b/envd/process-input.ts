import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { KeptCommand } from '../../../sessions/kept-command.ts'
import type { Entry } from '../../accounts.ts'
import { giveLeave } from '../../server.ts'
import type { E2bContext } from '../context.ts'
import { type Call, isConnectStream, within } from './calls.ts'
import { AnswerStream } from './connect/answer-stream.ts'
import { connectErrorOf, MAX_MESSAGE_BYTES, messageOf, refusedType } from './connect/calls.ts'
import { ConnectError } from './connect/errors.ts'
import { FrameReader } from './connect/frames.ts'
import { streamInputRequest } from './process-messages.ts'
import { findRunning } from './processes.ts'

/** Messages without input, such as `keepalive`, that may come at once, and each second beside them. */
const MOST_IDLE = 1000
/** Messages that are read before others are served. */
const AT_ONCE = 64

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether the body is read as it comes. */
    isInput?: boolean
  }
}

/**
 * Adds the method that takes input of a process as a stream. Each message goes on when the process has read the one
 * before; no more is read of the caller until then.
 */
export function addStreamInput(app: FastifyInstance, context: E2bContext, url: string): void {
  const config = { sandbox: 'envd', isStream: true, isInput: true } as const
  app.post(url, { config }, async (request, reply) => {
    if (!isConnectStream(request)) throw refusedType()
    const stream = new AnswerStream(reply, request.caller, context.answers)
    try {
      await within(request, reply, context, (call) => takeInput(call, context))
      await stream.send({})
      stream.end()
    } catch (error) {
      const told = connectErrorOf(error as Error)
      if (!told) throw error
      stream.end(told)
      // What the caller still sends is for nobody.
      request.raw.destroy()
    }
    return reply
  })
}

/**
 * Sends input to a process once it has read what was sent to it before. Resolves when it is on its way.
 * @param entry of what the process has not taken, when the caller has gone too
 * @throws ConnectError not_found, resource_exhausted
 */
export async function sendInput(
  command: KeptCommand,
  input: Buffer,
  signal: AbortSignal,
  entry: Entry,
): Promise<void> {
  if (!entry.add(input.length)) throw tooMuch()
  const sending = await command.send(input, signal)
  if (!sending) {
    entry.release()
    if (signal.aborted) return
    throw new ConnectError('not_found', 'the process has ended')
  }
  void sending.sent.then(() => entry.release())
  await Promise.race([sending.sent, aborted(signal)])
}

function tooMuch(): ConnectError {
  return new ConnectError('resource_exhausted', 'too much is held for this caller')
}

async function takeInput(
  { request, use, signal }: Pick<Call<never>, 'request' | 'use' | 'signal'>,
  { frames, parsing }: E2bContext,
): Promise<void> {
  const over = AbortSignal.any([signal, use.ended])
  const reader = new FrameReader(MAX_MESSAGE_BYTES)
  const entry = frames.open(request.caller, () => request.raw.destroy())
  let command: KeptCommand | null = null
  let counted = 0
  const begunMs = performance.now()
  let [read, idle] = [0, 0]
  try {
    for await (const chunk of bodyOf(request)) {
      const grown = reader.held + chunk.length - counted
      if (grown > 0) {
        if (!entry.add(grown)) throw tooMuch()
        counted += grown
      }
      for (const json of reader.push(chunk)) {
        if (++read % AT_ONCE === 0) await new Promise(setImmediate)
        const value = json.length > 0 ? await parsing.readValue(request.caller, json, over) : null
        const { start, data } = messageOf(value, streamInputRequest)
        if (!data?.input.length && ++idle > MOST_IDLE + (performance.now() - begunMs) / 1000) {
          throw new ConnectError('resource_exhausted', 'too many messages have no input')
        }
        if (start) command = findRunning(use.commands, start.process)
        if (!data) continue
        if (!command) throw new ConnectError('invalid_argument', 'the first message must be start')
        await sendInput(
          command,
          data.input,
          over,
          frames.open(request.caller, () => {}),
        )
      }
    }
    reader.end()
  } finally {
    entry.release()
  }
}

async function* bodyOf({ raw, body }: FastifyRequest): AsyncGenerator<Buffer> {
  giveLeave(raw)
  if (body) yield* body as AsyncIterable<Buffer>
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
