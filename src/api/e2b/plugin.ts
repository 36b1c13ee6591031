import type { FastifyInstance } from 'fastify'
import { refuseUnknownPaths } from '../methods.ts'
import { Refused } from '../refused.ts'
import type { E2bContext, E2bOptions } from './context.ts'
import { addCopiesRoutes } from './control/copies-routes.ts'
import { addSandboxesRoutes } from './control/sandboxes-routes.ts'
import { addTemplatesRoutes } from './control/templates-routes.ts'
import { addUseRoutes } from './control/use-routes.ts'
import { envd } from './envd/routes.ts'
import { sendFailure } from './failures.ts'
import { interpreter } from './interpreter/routes.ts'
import { sandboxPorts } from './ports-routes.ts'
import { SandboxCalls } from './sandbox-call.ts'

/** What its addresses begin with. */
const PATHS = [
  '/sandboxes',
  '/snapshots',
  '/templates',
  '/volumes',
  '/secrets',
  '/v2/sandboxes',
  '/v2/templates',
  '/v3/templates',
  '/files',
  '/execute',
  '/contexts',
  '/process.Process',
  '/filesystem.Filesystem',
]

/**
 * Adds the front door for E2B's clients, as a Fastify plugin: the API that makes sandboxes, and those of each sandbox for
 * its files and processes and for its code interpreter. A sandbox is a session. It needs the body parser and
 * `request.caller` of buildApp().
 */
export async function e2b(app: FastifyInstance, options: E2bOptions): Promise<void> {
  const stopping = new AbortController()
  app.addHook('preClose', async () => stopping.abort())
  const context: E2bContext = { ...options, stopping: stopping.signal }
  const calls = new SandboxCalls(options.sessions)
  app.setErrorHandler(sendFailure)
  app.decorateRequest('sandbox', null)
  app.addHook('onRoute', (route) => {
    const kind = route.config?.sandbox
    if (!kind) return
    route.config = { ...route.config, signed: (request) => calls.authorize(kind, request) }
  })
  app.addHook('preParsing', async ({ sandbox, raw, routeOptions }) => {
    if (!sandbox) return
    const { sandbox: kind } = routeOptions.config
    // Whoever has a public address is not its caller.
    const name = options.keyed && kind !== 'port' ? sandbox.caller : null
    if (!options.connections.work(raw.socket, name)) {
      throw new Refused(429, 'This key has too many connections at work.', 1)
    }
    if (kind !== 'health') await calls.wake(sandbox)
  })
  await refuseUnknownPaths(app, PATHS, sendFailure)
  addSandboxesRoutes(app, context)
  addCopiesRoutes(app, context)
  addTemplatesRoutes(app, context)
  addUseRoutes(app, context)
  await app.register(envd, context)
  await app.register(interpreter, context)
  await app.register(sandboxPorts, context)
}
