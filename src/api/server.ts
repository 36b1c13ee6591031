import {
  createServer as createHttpServer,
  IncomingMessage,
  type RequestListener,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { callerOfAddress } from './addresses.ts'
import type { Connections } from './connections.ts'

const HEADERS_TIMEOUT_MS = 10_000
const TLS_TIMEOUT_MS = 10_000
/** Longer than E2B's client for Python keeps a connection, 300 s: it would be closed just when it is used again. */
const KEEP_ALIVE_MS = 310_000
/** How often Node.js checks its timeouts. Its default is 30 s. */
const CHECK_MS = 1000

export interface TlsFiles {
  readonly cert: Buffer
  readonly key: Buffer
}

/**
 * Makes a server that handles one request of a connection at a time, and tracks its connections. Requests that a
 * caller sends without waiting for an answer (pipelining) are answered in order: each begins when the answer to
 * the one before has been sent.
 * @param handler is given requests whose caller asks first too: see giveLeave()
 */
export function createServer(
  handler: RequestListener,
  tls: TlsFiles | null,
  connections: Connections,
): Server {
  const settings: ServerOptions = {
    headersTimeout: HEADERS_TIMEOUT_MS,
    // The time of bodies is kept where they are collected: it depends on their size.
    requestTimeout: 0,
    connectionsCheckingInterval: CHECK_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    // Java's client asks for HTTP/2 by Upgrade; without these its requests would come as no requests.
    shouldUpgradeCallback: isWebSocket,
    IncomingMessage: UpgradingMessage,
  }
  const server = tls
    ? createHttpsServer({ ...settings, ...tls, handshakeTimeout: TLS_TIMEOUT_MS })
    : createHttpServer(settings)
  const turns = new Turns(handler, connections, () => server.listening)
  server.on('request', (request, response) => turns.take(request, response))
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    askers.set(request, response)
    turns.take(request, response as Request[1])
  })
  server.on('connection', (socket) => {
    connections.add(socket, callerOfAddress(socket.remoteAddress ?? ''))
  })
  if (tls) knowTlsSockets(server, connections)
  return server as Server
}

function isWebSocket({ headers }: IncomingMessage): boolean {
  return headers.upgrade?.toLowerCase() === 'websocket'
}

/**
 * A message that is an upgrade only to WebSocket. Node.js before 22.21 and 24.9 has no `shouldUpgradeCallback`: it
 * asks the message alone (`req.upgrade` in lib/_http_server.js, parserOnIncoming).
 */
class UpgradingMessage extends IncomingMessage {
  // Written by the constructor of the class above, before a field of this one could be.
  declare upgradeOfHead: boolean | null

  get upgrade(): boolean {
    return this.upgradeOfHead === true && (this.method === 'CONNECT' || isWebSocket(this))
  }

  set upgrade(isUpgrade: boolean | null) {
    this.upgradeOfHead = isUpgrade
  }
}

/** Requests whose callers wait for permission to send the body (`Expect: 100-continue`). */
const askers = new WeakMap<IncomingMessage, ServerResponse>()

/** Tells whether the caller waits for permission to send the body. */
export function asksFirst(request: IncomingMessage): boolean {
  return askers.has(request)
}

/** Permits a caller that waits for it to send the body. */
export function giveLeave(request: IncomingMessage): void {
  askers.get(request)?.writeContinue()
  askers.delete(request)
}

/** The socket of a request is the TLS socket, which has the ends of the one that it stands on. */
function knowTlsSockets(server: Server, connections: Connections): void {
  const handshaking = new Map<string, Socket>()
  const endOf = (socket: Socket) => `${socket.remoteAddress} ${socket.remotePort}`
  server.on('connection', (socket) => {
    const end = endOf(socket)
    handshaking.set(end, socket)
    socket.once('close', () => {
      if (handshaking.get(end) === socket) handshaking.delete(end)
    })
  })
  server.on('secureConnection', (socket: Socket) => {
    const below = handshaking.get(endOf(socket))
    if (below) connections.alias(socket, below)
  })
}

type Request = [request: IncomingMessage, response: ServerResponse<IncomingMessage>]

/** Which request of each connection is being answered, and which wait for that. */
class Turns {
  readonly #handler: RequestListener
  readonly #connections: Connections
  readonly #isOpen: () => boolean
  readonly #waiting = new WeakMap<Duplex, Request[]>()

  /** @param isOpen whether the server takes connections */
  constructor(handler: RequestListener, connections: Connections, isOpen: () => boolean) {
    this.#handler = handler
    this.#connections = connections
    this.#isOpen = isOpen
  }

  take(...turn: Request): void {
    const { socket } = turn[0]
    const waiting = this.#waiting.get(socket)
    if (!waiting) {
      this.#begin(turn)
      return
    }
    waiting.push(turn)
    // What was read already is parsed; no more is read before it is its turn.
    socket.pause()
  }

  #begin([request, response]: Request): void {
    const { socket } = request
    this.#waiting.set(socket, [])
    response.once('close', () => {
      this.#connections.rest(socket)
      const waiting = this.#waiting.get(socket) ?? []
      this.#waiting.delete(socket)
      const next = waiting.shift()
      // The head of an answer that a stop met half-way has promised to keep the connection, and a stop waits for it.
      if (!next && !this.#isOpen()) socket.end()
      if (!next || !socket.writable) return
      this.#begin(next)
      this.#waiting.set(socket, waiting)
      if (waiting.length === 0) socket.resume()
    })
    this.#handler(request, response)
  }
}
