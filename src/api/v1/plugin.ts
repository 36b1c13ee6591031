import type { FastifyInstance, FastifyReply } from 'fastify'
import type { Jobs } from '../../jobs/jobs.ts'
import type { WebhookSettings } from '../../jobs/webhooks.ts'
import type { Sessions } from '../../sessions/types.ts'
import type { Budget } from '../accounts.ts'
import type { SignedUrls } from '../signed-urls.ts'
import type { Uploads } from '../uploads.ts'
import { addAcceptedRoutes } from './accepted-routes.ts'
import { addBatchesRoute } from './batches-route.ts'
import type { Keepers } from './call.ts'
import { addDocsRoutes } from './docs-routes.ts'
import { addInfoRoutes } from './info-routes.ts'
import { answerMissingRoutes } from './missing-route.ts'
import { PROBLEMS, problemOf, sendProblem } from './problems.ts'
import { addRunsRoute } from './runs-route.ts'
import type { NativeService } from './service.ts'
import { lostProblem, sessionProblem } from './session-call.ts'
import { addSessionCommandsRoutes } from './session-commands-routes.ts'
import { addSessionCopiesRoutes } from './session-copies-routes.ts'
import { addSessionEventsRoute } from './session-events-route.ts'
import { sessionFiles } from './session-files-routes.ts'
import { SessionGrants } from './session-grants.ts'
import { addSessionPlacesRoutes } from './session-places-routes.ts'
import { sessionPorts } from './session-ports-routes.ts'
import { addSessionTerminalRoute } from './session-terminal-route.ts'
import { addContextRoutes } from './sessions-contexts-routes.ts'
import { addSessionsRoutes } from './sessions-routes.ts'
import { addSessionRunsRoutes } from './sessions-runs-route.ts'

export type NativeOptions = NativeService &
  Keepers & {
    readonly uploads: Uploads
    /** Frames of WebSockets on their way in. */
    readonly frames: Budget
    readonly jobs: Jobs
    readonly urls: SignedUrls
    readonly sessions: Sessions | null
    readonly webhooks: WebhookSettings
  }

/**
 * Adds the native API, a Fastify plugin: everything under `/v1/`, and its description. It needs the body parser
 * and `request.caller` of buildApp().
 */
export async function nativeApi(app: FastifyInstance, options: NativeOptions): Promise<void> {
  // A web page can send a form to a local address without asking; browser-guard.ts tells it by its headers.
  app.addContentTypeParser('multipart/form-data', ({ raw, caller }, _payload, done) => {
    options.uploads.read(raw, caller, done)
  })
  let answerMissing: Awaited<ReturnType<typeof answerMissingRoutes>> | undefined
  app.setErrorHandler((error: Error, request, reply) => {
    const problem = lostProblem(options.sessions, request, problemOf(sessionProblem(error)))
    // Fastify asks for the Content-Type of some methods before it looks whether there is a route.
    if (request.is404 && problem.problem === 'invalid-request' && answerMissing) {
      return answerMissing(request, reply)
    }
    if (PROBLEMS[problem.problem].status === 500)
      request.log.error({ err: error }, 'request failed')
    tellRate(reply)
    return sendProblem(reply, problem)
  })
  app.addHook('preHandler', async (_request, reply) => tellRate(reply))
  answerMissing = await answerMissingRoutes(app)
  const { jobs } = options
  addRunsRoute(app, options, options, { jobs, webhooks: options.webhooks })
  addAcceptedRoutes(app, jobs, options)
  addBatchesRoute(app, options, options)
  if (options.sessions) {
    const { sessions } = options
    addSessionsRoutes(app, sessions)
    addSessionCopiesRoutes(app, sessions)
    addSessionEventsRoute(app, sessions, options)
    addSessionCommandsRoutes(app, options.sessions, options)
    const stopping = new AbortController()
    app.addHook('preClose', async () => stopping.abort())
    const lasting = { ...options, sessions, stopping: stopping.signal }
    addSessionTerminalRoute(app, sessions, lasting)
    addContextRoutes(app, sessions)
    addSessionRunsRoutes(app, sessions, options)
    const grants = new SessionGrants(options.urls, sessions)
    grants.addRoutes(app)
    addSessionPlacesRoutes(app, sessions, options)
    await app.register(sessionFiles, { ...lasting, grants })
    await app.register(sessionPorts, { ...lasting, grants })
  }
  addInfoRoutes(app, options)
  addDocsRoutes(app, options.version)
}

/**
 * Says the rate in the words of https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/ too;
 * the limiter has older ones.
 */
function tellRate(reply: FastifyReply): void {
  const quota = reply.getHeader('x-ratelimit-limit')
  if (quota === undefined) return
  const left = reply.getHeader('x-ratelimit-remaining')
  const resetS = reply.getHeader('x-ratelimit-reset')
  reply.header('ratelimit-policy', `"runs";q=${quota}`)
  reply.header('ratelimit', `"runs";r=${left};t=${resetS}`)
}
