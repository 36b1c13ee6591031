import type { FastifyInstance } from 'fastify'
import { refuseUnknownPaths } from '../methods.ts'
import { addChannelsRoute } from './channels-route.ts'
import { addContentsRoutes } from './contents-routes.ts'
import type { JupyterDoor, JupyterOptions } from './door.ts'
import { sendFailure } from './failures.ts'
import { KeptKernels } from './kept-kernels.ts'
import { Kernels } from './kernels.ts'
import { addKernelRoutes } from './kernels-routes.ts'
import { addSessionRoutes } from './sessions-routes.ts'
import { kernelSpecs } from './specs.ts'

/**
 * Adds the front door for clients of Jupyter, as a Fastify plugin: the routes of its REST API for kernels, and their
 * channels (https://jupyter-server.readthedocs.io/en/latest/developers/rest-api.html), under `/api` and
 * `/jupyter/api`. A kernel that is named keeps its state in a session; one that is not runs one program in a fresh
 * executor. It needs `@fastify/websocket`, and the body parser and `request.caller` of buildApp().
 */
export async function jupyter(app: FastifyInstance, options: JupyterOptions): Promise<void> {
  const { sessions } = options
  const specs = kernelSpecs(options.templates)
  const door: JupyterDoor = {
    specs,
    oneRun: new Kernels(options.kept),
    kept: sessions && new KeptKernels(sessions, specs, options.kept),
  }
  app.setErrorHandler(sendFailure)
  await refuseUnknownPaths(app, ['/api', '/jupyter'], sendFailure)
  // What aiohttp, and so Open WebUI, calls a body that is empty.
  app.addContentTypeParser('application/octet-stream', ({ raw, caller }, _payload, done) => {
    options.uploads.read(raw, caller, done)
  })
  app.addHook('preClose', async () => {
    door.oneRun.clear()
    door.kept?.clear()
  })
  for (const prefix of ['', '/jupyter']) {
    addKernelRoutes(app, `${prefix}/api`, door, options)
    addChannelsRoute(app, `${prefix}/api`, door, options)
    if (!sessions) continue
    addSessionRoutes(app, `${prefix}/api`, door)
    addContentsRoutes(app, `${prefix}/api`, door, { ...options, sessions })
  }
}
