import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify'
import { maxConnections } from './connections.ts'
import { addDoor, answerRateLimited, type DoorOptions, RateLimited, requestIdOf } from './door.ts'
import { addRunRoute, type RunService } from './run-route.ts'

export interface MetricsText {
  readonly contentType: string
  metrics(): Promise<string>
}

export interface AppOptions extends DoorOptions {
  /** What `/metrics` answers, in Prometheus's format. */
  readonly metrics: MetricsText
  readonly maxBodyBytes: number
  readonly tls: { readonly cert: Buffer; readonly key: Buffer } | null
  readonly logger: FastifyBaseLogger
}

const REQUEST_TIMEOUT_MS = 30_000

/** The HTTP side: routes and the shape of every error answer. */
export async function buildApp(options: AppOptions, runs: RunService): Promise<FastifyInstance> {
  const app: FastifyInstance = Fastify({
    ...(options.tls ? { https: options.tls } : {}),
    bodyLimit: options.maxBodyBytes,
    loggerInstance: options.logger,
    genReqId: requestIdOf,
    // To send headers and body; a run's own time begins after that.
    requestTimeout: REQUEST_TIMEOUT_MS,
    logController: new LogController({ disableRequestLogging: true }),
    // A stop lets connections finish what they wait for and closes those that wait for nothing.
    forceCloseConnections: 'idle',
    return503OnClosing: true,
  })
  app.server.maxConnections = maxConnections()
  // Only JSON, and as bytes: a web page can send other types to a local address without asking.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) =>
    done(null, body),
  )

  await addDoor(app, options)

  const ok = async () => ({ status: 'ok' })
  app.get('/', ok)
  app.get('/healthz', ok)
  app.get('/metrics', async (_request, reply) => {
    return reply.type(options.metrics.contentType).send(await options.metrics.metrics())
  })
  addRunRoute(app, runs)

  app.setNotFoundHandler((_request, reply) => reply.code(404).send({ detail: 'Not Found' }))
  app.setErrorHandler((error: Error & { statusCode?: number; code?: string }, request, reply) => {
    if (error instanceof RateLimited) return answerRateLimited(reply)
    if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
      const most = options.maxBodyBytes / 1024 ** 2
      return reply.code(413).send({ detail: `The request body is larger than ${most} MiB.` })
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
