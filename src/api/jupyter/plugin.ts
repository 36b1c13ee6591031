import { randomUUID } from 'node:crypto'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { RunOptions } from '../../run/types.ts'
import type { Budget } from '../accounts.ts'
import type { Answers } from '../answers.ts'
import type { Connections } from '../connections.ts'
import { refuseUnknownPaths } from '../methods.ts'
import type { ParsingThread } from '../parsing-thread.ts'
import { Refused } from '../refused.ts'
import type { Body, Uploads } from '../uploads.ts'
import { admit } from '../v1/admit.ts'
import { problemOf } from '../v1/problems.ts'
import { NO_ARGUMENTS } from '../v1/read-run.ts'
import type { NativeService, OfferedTemplate } from '../v1/service.ts'
import { tellOutcome, tellProblem } from '../v1/tell.ts'
import { Channel } from './channel.ts'
import { sendFailure } from './failures.ts'
import { type Kernel, OneRunKernel } from './kernel.ts'
import { Kernels, type OwnedKernel } from './kernels.ts'
import { kernelNames, languageOf, specOf } from './specs.ts'

export interface JupyterOptions {
  readonly runs: NativeService['runs']
  readonly templates: NativeService['templates']
  readonly metrics: NativeService['metrics']
  readonly answers: Answers
  readonly connections: Connections
  readonly parsing: ParsingThread
  readonly uploads: Uploads
  /** Frames on their way in. */
  readonly frames: Budget
  /** Kernels. */
  readonly kept: Budget
}

const MAX_BODY_BYTES = 16 * 1024

/**
 * Adds the front door for clients of Jupyter, as a Fastify plugin: the routes of its REST API for kernels, and their
 * channels (https://jupyter-server.readthedocs.io/en/latest/developers/rest-api.html), under `/api` and
 * `/jupyter/api`. A kernel runs one program in a fresh executor. It needs `@fastify/websocket`, and the body
 * parser and `request.caller` of buildApp().
 */
export async function jupyter(app: FastifyInstance, options: JupyterOptions): Promise<void> {
  const kernels = new Kernels(options.kept)
  app.setErrorHandler(sendFailure)
  await refuseUnknownPaths(app, ['/api', '/jupyter'], sendFailure)
  // What aiohttp, and so Open WebUI, calls a body that is empty.
  app.addContentTypeParser('application/octet-stream', ({ raw, caller }, _payload, done) => {
    options.uploads.read(raw, caller, done)
  })
  app.addHook('preClose', async () => kernels.clear())
  for (const prefix of ['', '/jupyter']) addRoutes(app, `${prefix}/api`, kernels, options)
}

const CONFIG = { hasQueryKey: true }

function addRoutes(
  app: FastifyInstance,
  at: string,
  kernels: Kernels,
  options: JupyterOptions,
): void {
  const config = CONFIG
  const names = kernelNames(options.templates)
  const owned = (request: FastifyRequest) => ownedOf(kernels, request)

  app.get(at, { config }, async () => ({ version: '2.17.0' }))
  app.get(`${at}/kernelspecs`, { config }, async () => {
    const specs = [...names].map(([name, template]) => [name, specOf(name, template)])
    return { default: [...names.keys()][0], kernelspecs: Object.fromEntries(specs) }
  })
  app.get(`${at}/kernels`, { config }, async ({ caller }) => kernels.of(caller).map(modelOf))
  // A kernel is for one run, so that kernels are what the rate counts.
  app.post(`${at}/kernels`, { config: { ...config, rateLimit: {} } }, async (request, reply) => {
    const asked = kernelNameIn(request)
    const name = asked ?? ([...names.keys()][0] as string)
    const template = names.get(name)
    if (!template) throw new Refused(404, `No such kernel named ${name.slice(0, 100)}`)
    const kernel = newKernel(name, template, request, options)
    const model = modelOf(kernels.add(request.caller, kernel))
    return reply.code(201).header('location', `${at}/kernels/${kernel.id}`).send(model)
  })
  app.get(`${at}/kernels/:id`, { config }, async (request) => modelOf(owned(request)))
  app.delete(`${at}/kernels/:id`, { config }, async (request, reply) => {
    kernels.delete(owned(request))
    return reply.code(204).send()
  })
  app.post(`${at}/kernels/:id/interrupt`, { config }, async (request, reply) => {
    drop(request)
    owned(request).kernel.interrupt()
    return reply.code(204).send()
  })
  const restart = { config: { ...config, rateLimit: {} } }
  app.post(`${at}/kernels/:id/restart`, restart, async (request) => {
    drop(request)
    const found = owned(request)
    found.kernel.restart()
    return modelOf(found)
  })
  app.route({
    method: 'GET',
    url: `${at}/kernels/:id/channels`,
    config,
    // Refused before the upgrade, as an answer of HTTP.
    preHandler: async (request) => void owned(request),
    handler: async () => {
      throw new Refused(400, 'Can "Upgrade" only to "WebSocket".')
    },
    wsHandler: (webSocket, request) => {
      const { caller, raw, log } = request
      // Between the check and this another request may have deleted it.
      const kernel = kernels.get(caller, idIn(request))
      if (!kernel) return webSocket.close()
      options.connections.work(raw.socket, null)
      const template = names.get(kernel.kernel.name) as OfferedTemplate
      new Channel(webSocket, raw.socket, randomUUID(), {
        owned: kernel,
        language: languageOf(template),
        answers: options.answers,
        uploads: options.frames,
        parsing: options.parsing,
        onUse: () => kernels.touch(kernel),
        onFault: (err) => log.error({ err }, 'kernel failed'),
      })
    },
  })
}

const idIn = ({ params }: FastifyRequest) => (params as { id: string }).id

function ownedOf(kernels: Kernels, request: FastifyRequest): OwnedKernel {
  const kernel = kernels.get(request.caller, idIn(request))
  if (!kernel) throw new Refused(404, `Kernel does not exist: ${idIn(request).slice(0, 100)}`)
  kernels.touch(kernel)
  return kernel
}

function newKernel(
  name: string,
  template: OfferedTemplate,
  request: FastifyRequest,
  options: JupyterOptions,
): Kernel {
  const mode = template.modes.includes('cell') ? ('cell' as const) : ('script' as const)
  return new OneRunKernel(randomUUID(), name, async (code: Buffer, run: RunOptions) => {
    const fields = { template: template.name, mode, argv: [], env: {}, limits: {} }
    const input = { fields, code, argumentsJson: NO_ARGUMENTS, stdin: null, files: [], at: '' }
    const asked = admit(input, options.templates, request.caller, randomUUID())
    try {
      const outcome = await options.runs.start(asked, run)
      tellOutcome(request, asked, outcome, options)
      return outcome
    } catch (error) {
      const { problem } = problemOf(error as Error)
      tellProblem(request, asked, problem, error as Error, options)
      throw error
    }
  })
}

/** @returns null: the client leaves it to the server */
function kernelNameIn(request: FastifyRequest): string | null {
  const body = (request.body ?? null) as Body | null
  if (body === null) return null
  try {
    if (body.bytes > MAX_BODY_BYTES) throw new Refused(413, 'The body is too large.')
    const text = Buffer.concat(body.takeBlocks()).toString()
    if (text.trim() === '') return null
    const value = JSON.parse(text) as { name?: unknown } | null
    return typeof value?.name === 'string' ? value.name : null
  } catch (error) {
    if (error instanceof Refused) throw error
    throw new Refused(400, 'Invalid JSON in body of request')
  } finally {
    body.entry.release()
  }
}

function drop({ body }: FastifyRequest): void {
  ;(body as Body | null | undefined)?.entry.release()
}

function modelOf({ kernel, lastActivity, channels }: OwnedKernel) {
  return {
    id: kernel.id,
    name: kernel.name,
    last_activity: lastActivity.toISOString(),
    execution_state: kernel.isBusy ? 'busy' : kernel.executions > 0 ? 'idle' : 'starting',
    connections: channels.size,
  }
}
