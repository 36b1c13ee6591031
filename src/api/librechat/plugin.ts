import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { FoundFile } from '../../jobs/kept-files.ts'
import type { Store } from '../../jobs/store.ts'
import type { Answers } from '../answers.ts'
import { Cancels, requestName } from '../cancels.ts'
import { refuseUnknownPaths } from '../methods.ts'
import { unreadAnswers } from '../refused.ts'
import type { Body, Uploads } from '../uploads.ts'
import { told } from '../v1/tell.ts'
import { type ExecOptions, execute } from './exec.ts'
import { send, sendFailure } from './failures.ts'
import { LISTINGS, objectOf, ownerOf, SessionFiles } from './files.ts'
import { executeWithTools, type ToolRunOptions } from './programmatic.ts'
import { ToolRuns } from './tool-runs.ts'
import { upload, uploadBatch } from './upload.ts'

export interface LibreChatOptions extends Omit<ToolRunOptions, 'files' | 'toolRuns'> {
  readonly uploads: Uploads
  readonly store: Store
}

/** Routes whose clients may send a token of a user. */
const USERS = { config: { hasUserTokens: true } }

/** A piece of a file, which is in memory while it is sent. */
const PIECE_BYTES = 1024 ** 2

/**
 * Adds the front door for LibreChat, as a Fastify plugin: the wire of its code interpreter
 * (https://github.com/ClickHouse/code-interpreter) in both generations, under `/librechat` and
 * `/librechat/v1`. It needs the body parser and `request.caller` of buildApp().
 */
export async function libreChat(app: FastifyInstance, options: LibreChatOptions): Promise<void> {
  const { uploads, store } = options
  const files = new SessionFiles(store.filesOf('librechat'))
  app.setErrorHandler(sendFailure)
  await refuseUnknownPaths(app, ['/librechat'], sendFailure)
  app.addContentTypeParser('multipart/form-data', ({ raw, caller }, _payload, done) => {
    uploads.read(raw, caller, done)
  })
  const toolRuns = new ToolRuns(store.filesOf('librechat-programs'))
  const cancels = new Cancels()
  for (const at of ['/librechat', '/librechat/v1']) {
    addRoutes(app, at, { ...options, files })
    addToolRoutes(app, at, { ...options, files, toolRuns }, cancels)
  }
}

/** Of a request that may be canceled by another one. */
const REQUEST_ID = 'x-librechat-code-request-id'
const MAX_CANCEL_BYTES = 4096

function addToolRoutes(
  app: FastifyInstance,
  at: string,
  options: ToolRunOptions,
  cancels: Cancels,
): void {
  const nameOf = (caller: string, id: unknown) => requestName(caller, REQUEST_ID, id)
  const rated = { config: { rateLimit: {}, hasUserTokens: true } }
  app.post(`${at}/exec/programmatic`, rated, async (request, reply) => {
    const { caller, headers, id } = request
    const canceled = cancels.add(nameOf(caller, headers[REQUEST_ID] ?? `unnamed ${id}`))
    try {
      return await executeWithTools(request, reply, options, canceled.signal)
    } finally {
      canceled.done()
    }
  })
  app.post(`${at}/exec/programmatic/cancel`, USERS, async (request, reply) => {
    const id = requestIdIn(request)
    if (id === null) return send(reply, 400, { error: 'Missing required field: request_id' })
    // Whether or not it is known still: the answer is the same for all, and no client waits for another.
    cancels.cancel(nameOf(request.caller, id))
    return send(reply, 200, { message: 'Cancellation requested', request_id: id })
  })
}

function requestIdIn({ body }: FastifyRequest): string | null {
  const sent = (body ?? null) as Body | null
  try {
    if (sent === null || sent.bytes > MAX_CANCEL_BYTES) return null
    const value = JSON.parse(Buffer.concat(sent.takeBlocks()).toString()) as {
      request_id?: unknown
    }
    return typeof value?.request_id === 'string' ? value.request_id : null
  } catch {
    return null
  } finally {
    sent?.entry.release()
  }
}

function addRoutes(app: FastifyInstance, at: string, options: ExecOptions): void {
  const { files, answers } = options
  const rated = { config: { rateLimit: {}, hasUserTokens: true } }
  app.get(`${at}/health`, { config: { isOpen: true } }, async (_request, reply) => reply.send('OK'))
  app.post(`${at}/exec`, rated, (request, reply) => execute(request, reply, options))
  app.post(`${at}/upload`, USERS, (request, reply) => upload(request, reply, files))
  app.post(`${at}/upload/batch`, USERS, (request, reply) => uploadBatch(request, reply, files))
  app.get(`${at}/download/:session/:file`, USERS, async (request, reply) => {
    const file = await fileIn(request, files)
    const found = file && (await files.open(ownerIn(request), file))
    if (!file || !found) return notFound(reply)
    return download(request, reply, answers, found, file.name)
  })
  app.get(`${at}/sessions/:session/objects/:file`, USERS, async (request, reply) => {
    const file = await fileIn(request, files)
    return file ? send(reply, 200, objectOf(file)) : notFound(reply)
  })
  app.get(`${at}/files/:session`, USERS, async (request, reply) => {
    const { session } = request.params as { session: string }
    const { detail } = request.query as { detail?: unknown }
    const name = typeof detail === 'string' && Object.hasOwn(LISTINGS, detail) ? detail : 'simple'
    const show = LISTINGS[name] as (typeof LISTINGS)[string]
    return send(reply, 200, (await files.list(ownerIn(request), session)).map(show))
  })
  app.delete(`${at}/files/:session/:file`, USERS, async (request, reply) => {
    const file = await fileIn(request, files)
    if (!file || !(await files.remove(ownerIn(request), file))) return notFound(reply)
    const { session, id } = file
    const message = 'File deleted successfully'
    return send(reply, 200, { message, session_id: session, fileId: id })
  })
}

function ownerIn(request: FastifyRequest): string {
  return ownerOf(request, (request.query as { kind?: unknown }).kind)
}

function fileIn(request: FastifyRequest, files: SessionFiles) {
  const { session, file } = request.params as { session: string; file: string }
  return files.find(ownerIn(request), session, file)
}

function notFound(reply: FastifyReply): FastifyReply {
  return send(reply, 404, { error: 'Not Found', details: 'There is no such file, or no more.' })
}

/** The bytes, in pieces. Programs make them: no browser may take them for a page of this service. */
function download(
  { caller }: FastifyRequest,
  reply: FastifyReply,
  answers: Answers,
  found: FoundFile,
  name: string,
): FastifyReply {
  if (!answers.hasRoomFor(caller)) throw unreadAnswers()
  const sent = answers.hold(caller, Math.min(found.size, 2 * PIECE_BYTES), reply.raw)
  const pieces = async function* () {
    for await (const piece of found.read()) yield* told([piece], sent)
  }
  return reply
    .type(found.mediaType ?? 'application/octet-stream')
    .header('content-length', found.size)
    .header('content-disposition', `attachment; filename*=UTF-8''${encodeURIComponent(name)}`)
    .header('x-content-type-options', 'nosniff')
    .header('content-security-policy', 'sandbox')
    .send(Readable.from(pieces(), { objectMode: false }))
}
