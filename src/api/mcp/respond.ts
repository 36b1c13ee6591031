import type { FastifyReply } from 'fastify'
import type { Answers } from '../answers.ts'

/**
 * Sends what the SDK answers. A stream goes out as it comes; what its caller has not read is on the caller's
 * account.
 * @returns when the last of it has been given to the connection
 */
export async function sendResponse(
  response: Response,
  reply: FastifyReply,
  caller: string,
  answers: Answers,
): Promise<FastifyReply> {
  reply.code(response.status)
  for (const [name, value] of response.headers) reply.header(name, value)
  if (response.headers.get('content-type')?.startsWith('text/event-stream') && response.body) {
    await stream(response.body, reply, caller, answers)
    return reply
  }
  const text = await response.text()
  if (text !== '') answers.hold(caller, text.length, reply.raw)
  return reply.send(text)
}

async function stream(
  body: ReadableStream<Uint8Array>,
  reply: FastifyReply,
  caller: string,
  answers: Answers,
): Promise<void> {
  const { raw } = reply
  const backlog = answers.backlog(caller, raw)
  reply.hijack()
  raw.writeHead(reply.statusCode, {
    ...reply.getHeaders(),
    'cache-control': 'no-store',
    // A proxy that collects the answer first would hold the events back.
    'x-accel-buffering': 'no',
  } as Record<string, string>)
  const reader = body.getReader()
  const cancel = () => void reader.cancel().catch(() => {})
  raw.once('close', cancel)
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done || raw.destroyed) break
      backlog.add(value.length)
      raw.write(value, () => backlog.sent(value.length))
    }
  } finally {
    raw.off('close', cancel)
    raw.end()
  }
}
