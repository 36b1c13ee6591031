import type { FastifyInstance } from 'fastify'
import { jsonInside, type OpenTerminal, type OpenTerminalOptions, workFor } from './door.ts'
import { addExecuteRoutes } from './execute-routes.ts'
import { addFileRoutes } from './files-routes.ts'
import { openTerminalDescription } from './openapi.ts'
import { openTerminalPorts } from './ports-routes.ts'
import { addTerminalRoutes } from './terminal-routes.ts'
import { Workplaces } from './workplaces.ts'

/** Where the door is. */
const AT = '/open-terminal'
const PROMPT =
  'You have a sandbox with a terminal: Linux (Debian), bash, Python. It belongs to this chat; its files and processes stay. It has no packages of the system that are not installed, and the network that its operator allows.'

/**
 * Adds the front door for Open WebUI's terminals, as a Fastify plugin: the routes of Open Terminal
 * (https://github.com/open-webui/open-terminal) under `/open-terminal`, over a session for each user and chat. It needs
 * `@fastify/websocket`, and the body parser and `request.caller` of buildApp().
 */
export async function openTerminal(
  app: FastifyInstance,
  options: OpenTerminalOptions,
): Promise<void> {
  const stop = new AbortController()
  const places = new Workplaces(options.sessions)
  const door: OpenTerminal = { ...options, places, stopping: stop.signal }
  app.addHook('preClose', async () => stop.abort())
  app.addContentTypeParser('multipart/form-data', ({ raw, caller }, _payload, done) => {
    options.uploads.read(raw, caller, done)
  })
  const description = openTerminalDescription()
  const isOpen = { config: { isOpen: true } }
  app.get(`${AT}/health`, isOpen, async () => ({ status: 'ok' }))
  app.get(`${AT}/openapi.json`, isOpen, async () => description)
  app.get(`${AT}/api/config`, isOpen, async () => ({
    features: { terminal: true, notebooks: false, system: true },
  }))
  app.get(`${AT}/system`, async () => ({ prompt: PROMPT }))
  app.get(`${AT}/ports`, (request, reply) =>
    workFor(door, request, reply, (work) => jsonInside(work, 'ports', {})),
  )
  addExecuteRoutes(app, AT, door)
  addFileRoutes(app, AT, door)
  addTerminalRoutes(app, AT, door)
  await app.register(openTerminalPorts, { at: AT, door })
}
