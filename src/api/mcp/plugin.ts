import { randomUUID } from 'node:crypto'
import { createMcpHandler } from '@modelcontextprotocol/server'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Budget } from '../accounts.ts'
import type { Answers } from '../answers.ts'
import { Cancels, requestName } from '../cancels.ts'
import type { Connections } from '../connections.ts'
import { refuseUnknownPaths } from '../methods.ts'
import { LARGE_BODY_BYTES, type ParsingThread } from '../parsing-thread.ts'
import { unreadAnswers } from '../refused.ts'
import { runCallerOf } from '../run-caller.ts'
import { type Body, overBudget, type Uploads } from '../uploads.ts'
import type { McpCall, McpService } from './call.ts'
import { KeptResults } from './kept-results.ts'
import { type Message, readMessage } from './message.ts'
import { sendResponse } from './respond.ts'
import { sendRpcError } from './rpc-error.ts'
import { buildMcpServer } from './tools.ts'

/** Larger messages are refused before they are read. */
export const MAX_MESSAGE_BYTES = 4 * 1024 ** 2

export interface McpOptions extends McpService {
  readonly connections: Connections
  readonly answers: Answers
  readonly parsing: ParsingThread
  /** Reads bodies of at most MAX_MESSAGE_BYTES. */
  readonly uploads: Uploads
  /** For what runs have left and their callers may read later. */
  readonly results: Budget
}

declare module 'fastify' {
  interface FastifyRequest {
    /** What a client of MCP has sent; null: no message, or another front door. */
    mcpMessage: Message | null
  }
}

/**
 * Adds the front door for clients of the Model Context Protocol, a Fastify plugin: `/mcp`, Streamable HTTP
 * without sessions, for the revision 2026-07-28 and those before it
 * (https://modelcontextprotocol.io/specification). It needs `request.caller` of buildApp().
 */
export async function mcp(app: FastifyInstance, options: McpOptions): Promise<void> {
  const { connections, answers, parsing, uploads } = options
  const results = new KeptResults(options.results)
  const cancels = new Cancels()
  const handler = createMcpHandler(
    ({ authInfo }) => buildMcpServer(options, results, authInfo?.extra?.call as McpCall),
    // Nothing changes that a client could be told of.
    { maxSubscriptions: 0 },
  )
  app.addHook('onClose', async () => {
    results.clear()
    await handler.close()
  })
  app.removeContentTypeParser('application/json')
  app.addContentTypeParser('application/json', ({ raw, caller }, _payload, done) => {
    uploads.read(raw, caller, done)
  })
  app.setErrorHandler(sendRpcError)
  await refuseUnknownPaths(app, ['/mcp'], sendRpcError)
  app.decorateRequest('mcpMessage', null)
  app.addHook('preValidation', async (request, reply) => {
    const body = (request.body ?? null) as Body | null
    if (body === null || request.is404) return
    const gone = new AbortController()
    // A later handler that refuses the request does not need to release its body.
    reply.raw.once('close', () => {
      gone.abort()
      body.entry.release()
    })
    if (!answers.hasRoomFor(request.caller)) throw unreadAnswers()
    request.mcpMessage = await read(body, request.caller, gone.signal)
    if (body.evicted) throw overBudget()
  })

  /** In place where it is small: another thread would take longer. */
  const read = (body: Body, caller: string, signal: AbortSignal): Message | Promise<Message> => {
    const blocks = body.takeBlocks()
    if (body.bytes <= LARGE_BODY_BYTES) return readMessage(Buffer.concat(blocks))
    return parsing.readMessage(caller, blocks, body.bytes, signal)
  }

  const serve = async (request: FastifyRequest, reply: FastifyReply) => {
    const body = (request.body ?? null) as Body | null
    const message = request.mcpMessage
    const client = runCallerOf(request, reply, body)
    connections.work(request.raw.socket, null)
    const session = String(request.headers['mcp-session-id'] ?? '')
    const nameOf = (id: unknown) => requestName(request.caller, session, id)
    const canceled = message?.isWork ? cancels.add(nameOf(message.value.id)) : null
    if (message?.value.method === 'notifications/cancelled') {
      const { requestId } = (message.value.params ?? {}) as { requestId?: unknown }
      cancels.cancel(nameOf(requestId))
    }
    const signal = canceled ? AbortSignal.any([client.signal, canceled.signal]) : client.signal
    const call: McpCall = {
      request,
      run: message?.run ?? null,
      signal,
      giveBodyBack: () => body?.entry.release(),
      cause: (error) => (body?.evicted ? overBudget() : error),
    }
    try {
      const authInfo = { token: '', clientId: request.caller, scopes: [], extra: { call } }
      const response = await handler.fetch(webRequest(request, client.signal), {
        authInfo,
        ...(message ? { parsedBody: message.value } : {}),
      })
      // It tells clients of one key apart; nothing is kept for it.
      if (message?.value.method === 'initialize') {
        response.headers.set('mcp-session-id', randomUUID())
      }
      return await sendResponse(response, reply, request.caller, answers)
    } finally {
      canceled?.done()
      body?.entry.release()
      client.done()
    }
  }

  const workOnly = { hook: 'preHandler' as const, allowList: isNoWork }
  app.post('/mcp', { config: { rateLimit: workOnly } }, serve)
  for (const method of ['GET', 'DELETE'] as const)
    app.route({ method, url: '/mcp', handler: serve })
}

/** The rate is of what begins something: other messages are not counted. */
function isNoWork(request: FastifyRequest): boolean {
  return request.mcpMessage?.isWork !== true
}

/** The request as the SDK reads it; the body is given beside it, and who asks has been found out. */
function webRequest({ method, headers }: FastifyRequest, signal: AbortSignal): Request {
  const told = Object.entries(headers).filter(
    ([name]) => name === 'accept' || name === 'content-type' || name.startsWith('mcp-'),
  )
  return new Request('http://localhost/mcp', {
    method,
    signal,
    headers: told.map(([name, value]): [string, string] => [name, String(value)]),
  })
}
