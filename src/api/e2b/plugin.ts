import type { FastifyInstance } from 'fastify'
import { Refused } from '../refused.ts'
import type { E2bContext, E2bOptions } from './context.ts'
import { envd } from './envd/routes.ts'
import { sendFailure } from './failures.ts'
import { interpreter } from './interpreter/routes.ts'
import { SandboxCalls } from './sandbox-call.ts'
import { placeOf } from './sandbox-place.ts'

/**
 * Adds the front door for E2B's clients, as a Fastify plugin: the API that makes sandboxes, and those of each sandbox for
 * its files and processes and for its code interpreter. A sandbox is a session. It needs the body parser and
 * `request.caller` of buildApp().
 */
export async function e2b(app: FastifyInstance, options: E2bOptions): Promise<void> {
  const stopping = new AbortController()
  app.addHook('preClose', async () => stopping.abort())
  const context: E2bContext = { ...options, stopping: stopping.signal }
  const calls = new SandboxCalls(options.sessions, null)
  addSandboxConstraint(app, null)
  app.setErrorHandler(sendFailure)
  app.decorateRequest('sandbox', null)
  app.addHook('onRoute', (route) => {
    const kind = route.config?.sandbox
    if (!kind) return
    route.config = { ...route.config, signed: (request) => calls.authorize(kind, request) }
  })
  app.addHook('preParsing', async ({ sandbox, raw, routeOptions }) => {
    if (!sandbox) return
    const name = options.keyed ? sandbox.caller : null
    if (!options.connections.work(raw.socket, name)) {
      throw new Refused(429, 'This key has too many connections at work.', 1)
    }
    if (routeOptions.config.sandbox !== 'health') await calls.wake(sandbox)
  })
  await app.register(envd, context)
  await app.register(interpreter, context)
}

/** Has routes be for requests to sandboxes alone, where another front door has the same address. */
function addSandboxConstraint(app: FastifyInstance, domain: string | null): void {
  app.addConstraintStrategy({
    name: 'sandbox',
    storage: () => {
      const handlers = new Map()
      return {
        get: (key) => handlers.get(key) ?? null,
        set: (key, store) => handlers.set(key, store),
      }
    },
    validate: () => {},
    deriveConstraint: ({ headers }) => placeOf(headers, domain) !== null,
  })
}
