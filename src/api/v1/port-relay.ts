import http, {
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type ServerResponse,
} from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { scaledMs } from '../../lib/time-scale.ts'
import { headersFromPort, type PortPlace } from './port-headers.ts'

/** Of an answer's headers, in all. */
const MAX_HEADER_BYTES = 32 * 1024
/** Answers before the answer, such as 103. */
const MAX_INTERIM = 16
/** How long a server may take until the headers of its answer are there. */
const HEADERS_MS = scaledMs(120_000)

/** A server that did not answer as it should. */
export class PortError extends Error {}

/** What a server of a session is asked. */
export interface Asked {
  readonly method: string
  /** With the query. */
  readonly path: string
  readonly headers: OutgoingHttpHeaders
  readonly body: Readable | null
}

/** What a server answered: with headers, or by becoming a WebSocket. */
type Answered =
  | { readonly response: IncomingMessage }
  | { readonly response: IncomingMessage; readonly upgraded: Duplex; readonly head: Buffer }

/**
 * Asks a server of a session.
 * @param connection to the server, of this request alone; destroyed when the signal fires
 * @throws PortError
 */
export async function ask(
  connection: Duplex,
  asked: Asked,
  signal: AbortSignal,
): Promise<Answered> {
  const { body, ...options } = asked
  // Each way of it is watched by the library, by pipelines and here.
  connection.setMaxListeners(32)
  const request = http.request({
    ...options,
    createConnection: () => connection,
    maxHeaderSize: MAX_HEADER_BYTES,
    insecureHTTPParser: false,
    setHost: false,
  })
  const end = () => request.destroy()
  signal.addEventListener('abort', end, { once: true })
  connection.once('close', () => signal.removeEventListener('abort', end))
  if (signal.aborted) end()
  let interim = 0
  const answered = new Promise<Answered>((resolve, reject) => {
    const late = setTimeout(() => request.destroy(new PortError('it is silent')), HEADERS_MS)
    request.on('information', () => {
      if (++interim > MAX_INTERIM)
        request.destroy(new PortError('it says too much before its answer'))
    })
    request.on('response', (response) => {
      clearTimeout(late)
      resolve({ response })
    })
    request.on('upgrade', (response, upgraded, head) => {
      clearTimeout(late)
      resolve({ response, upgraded, head })
    })
    request.on('error', (error) => {
      clearTimeout(late)
      reject(error instanceof PortError ? error : new PortError(wordsOf(error)))
    })
  })
  // A server may answer before it has read all.
  if (body) pipeline(body, request).catch(() => {})
  else request.end()
  return answered
}

/** Sends on what a server answered. Resolves when all of it is sent, or nobody wants it any more. */
export async function answer(
  { response }: Answered,
  reply: ServerResponse,
  place: PortPlace,
): Promise<void> {
  reply.writeHead(response.statusCode ?? 502, headersFromPort(response.headers, place))
  // What breaks off is broken for the caller too.
  await pipeline(response, reply).catch(() => reply.destroy())
}

/** Carries a WebSocket: what both sides say is not looked at. Resolves when it is over. */
export async function carry(
  { response, upgraded, head }: Extract<Answered, { upgraded: Duplex }>,
  socket: Socket,
  socketHead: Buffer,
  signal: AbortSignal,
): Promise<void> {
  const { headers } = response
  const lines = ['HTTP/1.1 101 Switching Protocols', 'connection: Upgrade', 'upgrade: websocket']
  for (const name of ['accept', 'protocol', 'extensions']) {
    const value = headers[`sec-websocket-${name}`]
    if (typeof value === 'string') lines.push(`sec-websocket-${name}: ${value}`)
  }
  socket.setTimeout(0)
  socket.setNoDelay(true)
  socket.write(`${lines.join('\r\n')}\r\n\r\n`)
  if (head.length > 0) socket.write(head)
  if (socketHead.length > 0) upgraded.write(socketHead)
  const end = () => socket.destroy()
  signal.addEventListener('abort', end, { once: true })
  const ways = [pipeline(socket, upgraded), pipeline(upgraded, socket)]
  await Promise.race(ways.map((way) => way.catch(() => {})))
  signal.removeEventListener('abort', end)
  socket.destroySoon()
  upgraded.destroy()
  await Promise.allSettled(ways)
}

function wordsOf(error: Error & { code?: string }): string {
  if (error.code === 'HPE_HEADER_OVERFLOW') return 'its headers are too long'
  if (error.code?.startsWith('HPE_')) return 'it does not speak HTTP'
  return 'it closed the connection'
}
