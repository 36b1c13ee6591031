import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Sessions } from '../../sessions/types.ts'
import type { Budget } from '../accounts.ts'
import { refuseUnknownPaths } from '../methods.ts'
import { answerRun, type OneRunOptions } from '../one-run.ts'
import type { Uploads } from '../uploads.ts'
import { beginCall } from '../v1/call.ts'
import { addConnectRoute } from './connect-route.ts'
import { sendFailure } from './failures.ts'
import { limitsOf, wrong } from './limits.ts'
import { presentOutcome, Transcript } from './present.ts'
import type { PistonRequest } from './read-request.ts'
import { findRuntime, type Runtime, runtimesOf } from './runtimes.ts'

export interface PistonOptions extends OneRunOptions {
  readonly uploads: Uploads
  /** Null: no program can be talked to. */
  readonly sessions: Sessions | null
  /** Frames on their way in. */
  readonly frames: Budget
}

/** Its own addresses, those of its public host, and one that no other system has. */
const PREFIXES = ['/api/v2', '/api/v2/piston', '/piston/api/v2']

/**
 * Adds the front door for clients of Piston (https://github.com/engineer-man/piston), as a Fastify plugin. It needs
 * the body parser and `request.caller` of buildApp().
 */
export async function piston(app: FastifyInstance, options: PistonOptions): Promise<void> {
  app.setErrorHandler(sendFailure)
  await refuseUnknownPaths(app, ['/api/v2', '/piston'], sendFailure)
  // Some of its clients send JSON and do not say so.
  app.addContentTypeParser('text/plain', (request, _payload, done) => {
    options.uploads.read(request.raw, request.caller, done)
  })
  const { templates, sessions } = options
  const stop = new AbortController()
  app.addHook('preClose', async () => stop.abort())
  for (const prefix of PREFIXES) {
    app.get(`${prefix}/runtimes`, async () => runtimesOf(templates))
    app.get(`${prefix}/packages`, async () =>
      runtimesOf(templates).map(({ language, version }) => ({
        language,
        language_version: version,
        installed: true,
      })),
    )
    app.post(`${prefix}/execute`, { config: { rateLimit: {} } }, (request, reply) =>
      execute(request, reply, options),
    )
    if (sessions) addConnectRoute(app, prefix, { ...options, sessions }, stop.signal)
    // Images are built by the set-up: nothing is installed here.
    for (const method of ['POST', 'DELETE'] as const) {
      const handler = async (request: FastifyRequest, reply: FastifyReply) => {
        beginCall(request, reply, options).end()
        return reply.code(404).send({ message: 'Requested package does not exist' })
      }
      app.route({ method, url: `${prefix}/packages`, handler })
    }
  }
}

function execute(
  request: FastifyRequest,
  reply: FastifyReply,
  options: PistonOptions,
): Promise<FastifyReply> {
  const transcript = new Transcript()
  let runtime: Runtime
  return answerRun(request, reply, options, {
    kind: 'piston',
    prepare: (input) => {
      const { language, version, constraints } = input.own as PistonRequest
      const found = findRuntime(options.templates, language, version)
      if (!found) throw wrong(`${language}-${version} runtime is unknown`)
      runtime = found.runtime
      const { name, template } = found.served
      return {
        ...input,
        fields: { ...input.fields, language: name, limits: limitsOf(constraints, template) },
      }
    },
    onEvent: transcript.tell,
    present: (outcome) => presentOutcome(runtime, outcome, transcript),
    fail: (error) => sendFailure(error, request, reply),
  })
}
