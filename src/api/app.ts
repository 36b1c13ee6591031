import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify'
import { Jobs } from '../jobs/jobs.ts'
import type { Store } from '../jobs/store.ts'
import type { WebhookSettings } from '../jobs/webhooks.ts'
import type { Sessions } from '../sessions/types.ts'
import { VERSION } from '../version.ts'
import type { Accounts } from './accounts.ts'
import { networkMatcher } from './addresses.ts'
import { Answers, holdAnswers } from './answers.ts'
import { addDoor, type DoorOptions, requestIdOf } from './auth.ts'
import { Connections, maxConnections } from './connections.ts'
import { dify } from './dify/plugin.ts'
import type { Door } from './doors.ts'
import { e2b } from './e2b/plugin.ts'
import { keepSandboxHosts, takePlace } from './e2b/sandbox-place.ts'
import { failureOf } from './failure.ts'
import { jobe } from './jobe/plugin.ts'
import { judge0 } from './judge0/plugin.ts'
import { jupyter } from './jupyter/plugin.ts'
import { libreChat } from './librechat/plugin.ts'
import { MAX_MESSAGE_BYTES, mcp } from './mcp/plugin.ts'
import { refuseOtherMethods } from './methods.ts'
import { openTerminal } from './open-terminal/plugin.ts'
import { takePathKey } from './path-key.ts'
import { piston } from './piston/plugin.ts'
import { type RagflowOptions, ragflow } from './ragflow/plugin.ts'
import { lingerOnRefusal } from './refused-bodies.ts'
import { createServer, type TlsFiles } from './server.ts'
import { SignedUrls } from './signed-urls.ts'
import { SlowLane } from './slow-lane.ts'
import { answerUnroutable, refuseBytes } from './unroutable.ts'
import { type Body, Uploads } from './uploads.ts'
import { jobWords } from './v1/job-words.ts'
import { nativeApi } from './v1/plugin.ts'
import type { NativeService } from './v1/service.ts'
import { addWebSockets } from './websockets.ts'

export interface MetricsText {
  readonly contentType: string
  metrics(): Promise<string>
}

export interface AppOptions extends DoorOptions {
  /** What `/metrics` answers, in Prometheus's format. */
  readonly metrics: MetricsText
  readonly maxBodyBytes: number
  /** The front doors that are open. */
  readonly doors: ReadonlySet<Door>
  readonly accounts: Accounts
  readonly jobs: { readonly webhooks: WebhookSettings; readonly keepMs: number }
  readonly tls: TlsFiles | null
  /** Addresses and networks of proxies, whose X-Forwarded-For is believed. */
  readonly trustedProxies: readonly string[]
  /** What sandboxes may reach; null: nothing. */
  readonly egress: object | null
  /** Of the hosts `<port>-<id>.<domain>` of E2B's sandboxes, in lower case; null: there are none. */
  readonly sandboxDomain: string | null
  /** For signed URLs: see signingKey(). By default one that is forgotten when the service stops. */
  readonly signingKey?: Buffer
  readonly logger: FastifyBaseLogger
}

/** What the front doors need of the rest. */
export type DoorServices = Pick<RagflowOptions, 'runs' | 'languages' | 'metrics' | 'parsing'> &
  Pick<NativeService, 'templates' | 'status'> & {
    /** Keeps what outlives its request. */
    readonly store: Store
    /** Null: callers can keep no sandboxes. */
    readonly sessions: Sessions | null
  }

/**
 * Builds the HTTP side: what all front doors share, and each of them as a plugin of its own.
 * @param services of which `parsing` is closed with the server
 */
export async function buildApp(
  options: AppOptions,
  services: DoorServices,
): Promise<FastifyInstance> {
  const isProxy = networkMatcher(options.trustedProxies)
  const hasSessions = services.sessions !== null && options.doors.has('v1')
  const hasE2b = services.sessions !== null && options.doors.has('e2b')
  const hasTerminals = services.sessions !== null && options.doors.has('open-terminal')
  const hasPrograms = services.sessions !== null && options.doors.has('piston')
  const hasWebSockets =
    hasSessions || hasE2b || hasTerminals || hasPrograms || options.doors.has('jupyter')
  const domain = options.sandboxDomain
  const connections = new Connections(maxConnections(), isProxy)
  const app: FastifyInstance = Fastify({
    serverFactory: (handler) => {
      const take = (request: IncomingMessage) => {
        if (hasE2b) takePlace(request, domain)
        takePathKey(request)
      }
      const taken: typeof handler = (request, response) => {
        take(request)
        handler(request, response)
      }
      const server = createServer(taken, options.tls, connections)
      return hasWebSockets ? server.on('upgrade', take) : server
    },
    trustProxy: options.trustedProxies.length > 0 ? [...options.trustedProxies] : false,
    bodyLimit: options.maxBodyBytes,
    routerOptions: { ignoreTrailingSlash: true },
    loggerInstance: options.logger,
    genReqId: requestIdOf,
    logController: new LogController({ disableRequestLogging: true }),
    // A stop lets connections finish what they wait for and closes those that wait for nothing.
    forceCloseConnections: 'idle',
    return503OnClosing: true,
    clientErrorHandler: refuseBytes,
    // What the router refuses reaches no route, and no handler of errors.
    frameworkErrors: answerUnroutable(options.doors),
  })
  const lane = new SlowLane()
  const uploads = new Uploads(options.maxBodyBytes, options.accounts.uploads, lane)
  // Not before: what runs when a stop begins may still need it.
  app.server.once('close', () => void services.parsing.close())
  // Only JSON, and as bytes: a web page can send other types to a local address without asking.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', ({ raw, caller }, _payload, done) => {
    uploads.read(raw, caller, done)
  })
  const answers = new Answers(options.accounts.answers)
  holdAnswers(app, answers)
  lingerOnRefusal(app, lane)
  refuseOtherMethods(app)

  // Before whatever refuses a request: it ends the connection of an upgrade that was refused.
  if (hasWebSockets) await addWebSockets(app)
  if (hasE2b) keepSandboxHosts(app)
  await addDoor(app, options, connections)

  const ok = async () => ({ status: 'ok' })
  app.get('/', ok)
  app.get('/healthz', ok)
  app.get('/metrics', async (_request, reply) => {
    return reply.type(options.metrics.contentType).send(await options.metrics.metrics())
  })
  app.setNotFoundHandler((request, reply) => {
    const body = request.body as Body | null | undefined
    body?.entry.release()
    return reply.code(404).send({ detail: 'Not Found' })
  })
  app.setErrorHandler((error: Error & { statusCode?: number }, request, reply) => {
    const { status, message, retryAfterS } = failureOf(error)
    if (status === 500) request.log.error({ err: error }, 'request failed')
    if (retryAfterS !== null) reply.header('retry-after', retryAfterS)
    return reply.code(status).send({ detail: message })
  })
  const keepers = { connections, answers, uploads, version: VERSION }
  const { doors, accounts } = options
  if (doors.has('ragflow')) await app.register(ragflow, { ...services, ...keepers })
  const { webhooks, keepMs } = options.jobs
  const jobs = jobsOf(app, webhooks, services)
  if (doors.has('v1')) {
    const frames = accounts.uploads
    const urls = new SignedUrls(options.signingKey ?? randomBytes(32))
    await app.register(nativeApi, { ...services, ...keepers, jobs, webhooks, frames, urls })
  }
  if (doors.has('mcp')) {
    const ofMessages = new Uploads(MAX_MESSAGE_BYTES, accounts.uploads, lane)
    const { results } = accounts
    await app.register(mcp, { ...services, ...keepers, uploads: ofMessages, results, jobs })
  }
  if (doors.has('jupyter')) {
    const { uploads: frames, results: kept } = accounts
    await app.register(jupyter, { ...services, ...keepers, frames, kept })
  }
  if (doors.has('librechat')) {
    const { uploads: inputs } = accounts
    const { maxBodyBytes: maxBytes } = options
    await app.register(libreChat, { ...services, ...keepers, inputs, maxBytes })
  }
  const { sessions } = services
  if (hasE2b && sessions) {
    const { uploads: frames } = accounts
    const keyed = options.keys.count > 0
    const hasNetwork = options.egress !== null
    await app.register(e2b, {
      ...services,
      ...keepers,
      sessions,
      frames,
      keyed,
      hasNetwork,
      domain,
    })
  }
  if (hasTerminals && services.sessions) {
    const { sessions, parsing } = services
    const terminals = {
      ...keepers,
      sessions,
      parsing,
      frames: accounts.uploads,
      keys: options.keys,
    }
    await app.register(openTerminal, terminals)
  }
  if (doors.has('dify')) await app.register(dify, { ...services, ...keepers })
  if (doors.has('jobe')) {
    const kept = services.store.filesOf('jobe')
    await app.register(jobe, { ...services, ...keepers, kept, keepMs, inputs: accounts.uploads })
  }
  if (doors.has('judge0')) {
    const kept = services.store.filesOf('judge0')
    const { uploads: inputs } = accounts
    await app.register(judge0, { ...services, ...keepers, jobs, kept, keepMs, webhooks, inputs })
  }
  if (doors.has('piston')) {
    await app.register(piston, { ...services, ...keepers, frames: accounts.uploads })
  }
  return app
}

/** Accepted runs, which begin and end with the server. */
function jobsOf(
  app: FastifyInstance,
  webhooks: WebhookSettings,
  { store, runs, metrics }: DoorServices,
): Jobs {
  const words = jobWords(app.log, metrics)
  const jobs = new Jobs(store, runs, words, webhooks, (err) => app.log.error({ err }, 'jobs'))
  app.addHook('onReady', () => jobs.start())
  // A caller that waits for a run keeps its connection open.
  app.addHook('preClose', async () => jobs.stop())
  app.addHook('onClose', () => jobs.idle())
  return jobs
}
