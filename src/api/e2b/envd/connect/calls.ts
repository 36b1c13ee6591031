import type { FastifyReply, FastifyRequest } from 'fastify'
import type { z } from 'zod'
import { bodyValue } from '../../../body-value.ts'
import { failureOf } from '../../../failure.ts'
import type { ReadValue } from '../../../json-value.ts'
import type { ParsingThread } from '../../../parsing-thread.ts'
import { Refused } from '../../../refused.ts'
import type { Body } from '../../../uploads.ts'
import { GoneSandbox } from '../../failures.ts'
import { ConnectError, codeOfStatus } from './errors.ts'
import { FrameReader } from './frames.ts'

/** Of one message. */
export const MAX_MESSAGE_BYTES = 4 * 1024 ** 2

/**
 * Reads the one message of a call.
 * @throws ConnectError; what bodyValue() throws
 */
export async function readMessage<T extends z.ZodType>(
  request: FastifyRequest,
  schema: T,
  parsing: ParsingThread,
): Promise<z.infer<T>> {
  try {
    return messageOf(await bodyValue(request, parsing, bounded), schema)
  } finally {
    release(request)
  }
}

/**
 * Reads the one message that a stream of the caller has.
 * @throws ConnectError for none, several, and what no stream can be; what bodyValue() throws
 */
export async function readOnly<T extends z.ZodType>(
  request: FastifyRequest,
  schema: T,
  parsing: ParsingThread,
): Promise<z.infer<T>> {
  try {
    if (!request.body) throw notOne()
    return messageOf(await bodyValue(request, parsing, onlyIn), schema)
  } finally {
    release(request)
  }
}

function release({ body }: FastifyRequest): void {
  ;(body as Body | null | undefined)?.entry.release()
}

/** @throws ConnectError unless a stream has one message */
function onlyIn(stream: Buffer): Buffer {
  const reader = new FrameReader(MAX_MESSAGE_BYTES)
  const [only, second] = reader.push(stream, 2)
  if (second) throw notOne()
  reader.end()
  if (!only) throw notOne()
  return only
}

function notOne(): ConnectError {
  return new ConnectError('unimplemented', 'unary request must have exactly one message')
}

/** @throws ConnectError when it is too large */
function bounded(message: Buffer): Buffer {
  if (message.length <= MAX_MESSAGE_BYTES) return message
  const said = `message size ${message.length} is larger than configured max ${MAX_MESSAGE_BYTES}`
  throw new ConnectError('resource_exhausted', said)
}

/**
 * Returns the message that JSON is; without JSON, the empty one.
 * @throws ConnectError when it is not a message of this schema
 */
export function messageOf<T extends z.ZodType>(json: ReadValue | null, schema: T): z.infer<T> {
  if (json && 'wrong' in json) {
    throw new ConnectError('invalid_argument', `unmarshal message: this ${json.wrong}`)
  }
  const read = schema.safeParse(json ? json.value : {})
  if (read.success) return read.data
  const [issue] = read.error.issues
  const field = issue?.path.join('.') || 'message'
  throw new ConnectError('invalid_argument', `unmarshal message: ${field}: ${issue?.message}`)
}

/** Answers a call. A string would get a charset, which some clients refuse. */
export function answer(reply: FastifyReply, body: object): FastifyReply {
  return reply.type('application/json').send(Buffer.from(JSON.stringify(body)))
}

/** Returns a failure in the words of the protocol; of a sandbox that is gone, null: it is answered in other words. */
export function connectErrorOf(error: Error): ConnectError | null {
  if (error instanceof ConnectError) return error
  if (error instanceof GoneSandbox) return null
  const { status, message } = failureOf(error)
  return new ConnectError(codeOfStatus(status), message)
}

const TIMEOUT = /^\d{1,10}$/

/**
 * Returns how long a call may take, in ms; null: as long as it does.
 * @throws ConnectError
 */
export function timeoutOf({ headers }: FastifyRequest): number | null {
  const said = headers['connect-timeout-ms']
  if (said === undefined) return null
  if (typeof said !== 'string' || !TIMEOUT.test(said)) {
    throw new ConnectError('invalid_argument', 'protocol error: invalid timeout')
  }
  return Number(said) === 0 ? null : Number(said)
}

/** Returns the failure of a body of another type, or of an encoding, that the protocol does not have. */
export function refusedType(): Refused {
  return new Refused(
    415,
    'The body may be application/json or, of streams, application/connect+json.',
  )
}
