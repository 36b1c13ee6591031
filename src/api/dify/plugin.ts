import { randomUUID } from 'node:crypto'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { RunRequest } from '../../run/types.ts'
import { refuseUnknownPaths, type SendFailure } from '../methods.ts'
import type { Uploads } from '../uploads.ts'
import { admit } from '../v1/admit.ts'
import { beginCall, type Keepers } from '../v1/call.ts'
import { heldBytes } from '../v1/present.ts'
import { problemOf } from '../v1/problems.ts'
import type { RunInput } from '../v1/read-run.ts'
import type { NativeService } from '../v1/service.ts'
import { tellOutcome, tellProblem } from '../v1/tell.ts'
import { sendEnvelope, sendFailure, sendInvalid } from './envelope.ts'
import { presentOutcome } from './present.ts'
import { languageOf, UNSUPPORTED } from './read-request.ts'

export interface DifyOptions extends Keepers {
  readonly runs: NativeService['runs']
  readonly templates: NativeService['templates']
  readonly metrics: NativeService['metrics']
  readonly uploads: Uploads
}

/**
 * Adds the front door for Dify, as a Fastify plugin: the wire of its sandbox
 * (https://github.com/langgenius/dify-sandbox), under `/v1/sandbox` and under `/dify/v1/sandbox`. It needs the
 * body parser and `request.caller` of buildApp().
 */
export async function dify(app: FastifyInstance, options: DifyOptions): Promise<void> {
  const send: SendFailure = (error, request, reply) => sendFailure(error, request, reply)
  app.setErrorHandler(send)
  await refuseUnknownPaths(app, ['/v1/sandbox', '/dify'], send)
  app.addContentTypeParser('application/x-www-form-urlencoded', (request, _payload, done) => {
    options.uploads.read(request.raw, request.caller, done)
  })
  for (const prefix of ['', '/dify']) addRoutes(app, prefix, options)
}

function addRoutes(app: FastifyInstance, prefix: string, options: DifyOptions): void {
  app.get(`${prefix}/health`, { config: { isOpen: true } }, async (_request, reply) =>
    reply.type('application/json; charset=utf-8').send('"ok"'),
  )
  app.post(`${prefix}/v1/sandbox/run`, { config: { rateLimit: {} } }, (request, reply) =>
    runCode(request, reply, options),
  )
  const listed = async (request: FastifyRequest, reply: FastifyReply) => {
    const { language } = request.query as { language?: unknown }
    return sendDependencies(request, reply, language, options)
  }
  app.get(`${prefix}/v1/sandbox/dependencies`, listed)
  app.get(`${prefix}/v1/sandbox/dependencies/refresh`, listed)
  // Images are built by the set-up: there is nothing to update.
  app.post(`${prefix}/v1/sandbox/dependencies/update`, async (request, reply) => {
    const call = beginCall(request, reply, options)
    call.end()
    return sendEnvelope(reply, 200, 0, 'success', {})
  })
}

async function runCode(
  request: FastifyRequest,
  reply: FastifyReply,
  options: DifyOptions,
): Promise<FastifyReply> {
  const call = beginCall(request, reply, options)
  let run: RunRequest | null = null
  let isStarted = false
  try {
    const [input] = await call.read('dify')
    run = admit(input as RunInput, options.templates, call.caller, randomUUID())
    const outcome = await options.runs.start(run, {
      signal: call.signal,
      onStart: () => {
        isStarted = true
        call.giveBodyBack()
      },
    })
    tellOutcome(request, run, outcome, options)
    // Files and results have no place in Dify's answer.
    const held = heldBytes({ ...outcome, files: [], resultJson: null })
    options.answers.hold(call.caller, held, reply.raw)
    return sendEnvelope(reply, 200, 0, 'success', presentOutcome(outcome))
  } catch (error) {
    const cause = call.cause(error as Error)
    tellProblem(request, run, problemOf(cause).problem, error as Error, options)
    return sendFailure(cause, request, reply, isStarted)
  } finally {
    call.end()
  }
}

function sendDependencies(
  request: FastifyRequest,
  reply: FastifyReply,
  language: unknown,
  { templates }: DifyOptions,
): FastifyReply {
  if (typeof language !== 'string' || language === '') {
    return sendInvalid(request, reply, 'language must be given')
  }
  const ours = languageOf(language)
  const template = language === 'python3' && templates.find(({ name }) => name === ours)
  if (!template) return sendEnvelope(reply, 400, -400, UNSUPPORTED)
  const dependencies = template.libraries.map(({ name, version }) => ({
    name: name.replace(/^python3-/, ''),
    version: version ?? '',
  }))
  return sendEnvelope(reply, 200, 0, 'success', { dependencies })
}
