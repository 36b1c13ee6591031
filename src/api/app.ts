import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify'
import type { Accounts } from './accounts.ts'
import { networkMatcher } from './addresses.ts'
import { Answers } from './answers.ts'
import { addDoor, answerRateLimited, type DoorOptions, RateLimited, requestIdOf } from './auth.ts'
import { Connections, maxConnections } from './connections.ts'
import { lingerOnRefusal } from './lingering.ts'
import { ParsingThread } from './ragflow/parsing-thread.ts'
import { addRunRoute, type RunService } from './ragflow/run-route.ts'
import { Refused } from './refused.ts'
import { createServer, type TlsFiles } from './server.ts'
import { SlowLane } from './slow-lane.ts'
import { Uploads } from './uploads.ts'

export interface MetricsText {
  readonly contentType: string
  metrics(): Promise<string>
}

export interface AppOptions extends DoorOptions {
  /** What `/metrics` answers, in Prometheus's format. */
  readonly metrics: MetricsText
  readonly maxBodyBytes: number
  readonly accounts: Accounts
  readonly tls: TlsFiles | null
  /** Addresses and networks of proxies, whose X-Forwarded-For is believed. */
  readonly trustedProxies: readonly string[]
  readonly logger: FastifyBaseLogger
}

/** The HTTP side: routes and the shape of every error answer. */
export async function buildApp(options: AppOptions, runs: RunService): Promise<FastifyInstance> {
  const isProxy = networkMatcher(options.trustedProxies)
  const connections = new Connections(maxConnections(), isProxy)
  const app: FastifyInstance = Fastify({
    serverFactory: (handler) => createServer(handler, options.tls, connections),
    trustProxy: options.trustedProxies.length > 0 ? [...options.trustedProxies] : false,
    bodyLimit: options.maxBodyBytes,
    loggerInstance: options.logger,
    genReqId: requestIdOf,
    logController: new LogController({ disableRequestLogging: true }),
    // A stop lets connections finish what they wait for and closes those that wait for nothing.
    forceCloseConnections: 'idle',
    return503OnClosing: true,
  })
  const lane = new SlowLane()
  const uploads = new Uploads(options.maxBodyBytes, options.accounts.uploads, lane)
  const parsing = new ParsingThread(runs.languages)
  // Not before: what runs when a stop begins may still need it.
  app.server.once('close', () => void parsing.close())
  // Only JSON, and as bytes: a web page can send other types to a local address without asking.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', ({ raw, caller }, _payload, done) => {
    uploads.read(raw, caller, done)
  })
  lingerOnRefusal(app, lane)

  await addDoor(app, options, connections)

  const ok = async () => ({ status: 'ok' })
  app.get('/', ok)
  app.get('/healthz', ok)
  app.get('/metrics', async (_request, reply) => {
    return reply.type(options.metrics.contentType).send(await options.metrics.metrics())
  })
  addRunRoute(app, runs, {
    connections,
    answers: new Answers(options.accounts.answers),
    parsing,
  })

  app.setNotFoundHandler((_request, reply) => reply.code(404).send({ detail: 'Not Found' }))
  app.setErrorHandler((error: Error & { statusCode?: number; code?: string }, request, reply) => {
    if (error instanceof RateLimited) return answerRateLimited(reply)
    if (error instanceof Refused) {
      if (error.retryAfterS !== null) reply.header('retry-after', error.retryAfterS)
      return reply.code(error.statusCode).send({ detail: error.message })
    }
    if (error.code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
      const msg = 'The body must be JSON, with the header Content-Type: application/json'
      return reply.code(422).send({
        detail: [{ type: 'json_type', loc: ['header', 'content-type'], msg, input: null }],
      })
    }
    const status = error.statusCode ?? 500
    if (status >= 500) request.log.error({ err: error }, 'request failed')
    return reply
      .code(status)
      .send({ detail: status < 500 ? error.message : 'Internal Server Error' })
  })
  return app
}
