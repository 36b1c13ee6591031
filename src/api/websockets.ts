import type { IncomingMessage } from 'node:http'
import websocket, { type WebSocket } from '@fastify/websocket'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { BINARY_PROTOCOL } from './jupyter/binary-frames.ts'

/** What came with the request for an upgrade. */
const heads = new WeakMap<IncomingMessage, Buffer>()

/** Returns what a client has sent after its request for an upgrade, before that was answered. */
export function headOf(request: IncomingMessage): Buffer {
  return heads.get(request) ?? Buffer.alloc(0)
}

/** Of one frame, in bytes. */
const MAX_FRAME_BYTES = 4 * 1024 ** 2

/**
 * Lets routes take WebSockets. The one sub-protocol is that of kernels, on their channels. The owner of a connection answers its pings, within bounds,
 * and ends it when the service stops.
 */
export async function addWebSockets(app: FastifyInstance): Promise<void> {
  app.server.on('upgrade', (request: IncomingMessage, _socket, head: Buffer) => {
    heads.set(request, head)
  })
  await app.register(websocket, {
    options: {
      maxPayload: MAX_FRAME_BYTES,
      perMessageDeflate: false,
      handleProtocols: protocolOf,
      autoPong: false,
    },
    errorHandler: endWebSocket,
    preClose: (done) => done(),
  })
}

/** The channels of a kernel have a sub-protocol; all else has none. */
function protocolOf(asked: Set<string>, { url = '' }: IncomingMessage): string | false {
  const isOfKernel = asked.has(BINARY_PROTOCOL) && /\/api\/kernels\/[^/]+\/channels/.test(url)
  return isOfKernel && BINARY_PROTOCOL
}

/** The library answers what a client sends against the protocol; whatever else is a fault of ours. */
function endWebSocket(
  error: Error & { code?: string },
  webSocket: WebSocket,
  { log }: FastifyRequest,
): void {
  if (error.code?.startsWith('WS_ERR_')) return
  log.error({ err: error }, 'connection failed')
  webSocket.terminate()
}
