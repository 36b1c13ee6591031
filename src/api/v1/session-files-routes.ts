import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { exactly } from '../../sessions/file-bytes.ts'
import { SessionFiles } from '../../sessions/files.ts'
import type { Sessions, SessionUse } from '../../sessions/types.ts'
import { unreadAnswers } from '../refused.ts'
import { runCallerOf } from '../run-caller.ts'
import { giveLeave } from '../server.ts'
import { EventStream } from '../sse.ts'
import { attachment, UNTRUSTED } from '../untrusted-file.ts'
import { rangeOf } from './byte-range.ts'
import type { Keepers } from './call.ts'
import { invalid, Problem } from './problems.ts'
import { pathFrom, type SessionRequest, sessionProblem, take } from './session-call.ts'
import type { SessionGrants } from './session-grants.ts'
import { toldEntry } from './session-words.ts'

type FileRequest = FastifyRequest<{
  Params: { id: string; '*'?: string }
  Querystring: { depth?: string; path?: string }
}>
type Work<T> = (files: SessionFiles, use: SessionUse) => Promise<T>

/** Of one file that is sent; the disk of the session is smaller. */
const MAX_FILE_BYTES = 64 * 1024 ** 3
/** What an answer may hold here on its way from a sandbox to its caller. */
const STREAM_BYTES = 512 * 1024
const MAX_DEPTH = 64

export interface FileKeepers extends Keepers {
  readonly sessions: Sessions
  readonly grants: SessionGrants
  readonly stopping: AbortSignal
}

/**
 * Adds `/v1/sessions/{id}/files/{path}`, `…/archive` and `…/watch`: files of a session, from its home; with a slash before
 * the path, from the root. Content goes through as it comes, nothing of it is held here.
 */
export async function sessionFiles(app: FastifyInstance, keepers: FileKeepers): Promise<void> {
  const { sessions, connections, answers, grants, stopping } = keepers
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { bodyLimit: MAX_FILE_BYTES }, (_request, payload, done) =>
    done(null, payload),
  )
  const url = '/v1/sessions/:id/files/*'
  const signed = { config: { signed: grants.ofFile } }

  /** Works on files of a session in use, until the caller hangs up or the service stops. */
  async function work<T>(request: FileRequest, reply: FastifyReply, does: Work<T>): Promise<T> {
    connections.work(request.raw.socket, null)
    const use = await take(sessions, request as SessionRequest)
    const caller = runCallerOf(request, reply, null)
    const signal = AbortSignal.any([caller.signal, stopping])
    try {
      return await does(new SessionFiles(use.channels, signal), use)
    } catch (error) {
      throw sessionProblem(error as Error)
    } finally {
      use.release()
      caller.done()
    }
  }

  /** Answers with bytes of a sandbox. The session is in use until they are sent. */
  async function sendBytes(
    request: FileRequest,
    reply: FastifyReply,
    name: string,
    open: (files: SessionFiles) => Promise<Readable>,
  ): Promise<FastifyReply> {
    if (!answers.hasRoomFor(request.caller)) throw unreadAnswers()
    const drop = answers.keep(request.caller, STREAM_BYTES, () => reply.raw.destroy())
    reply.raw.once('close', drop)
    return work(request, reply, async (files) => {
      const bytes = await open(files)
      const sent = new Promise<void>((resolve) => reply.raw.once('close', resolve))
      void reply.headers({ ...UNTRUSTED, 'content-disposition': attachment(name) })
      void reply.type('application/octet-stream').send(bytes)
      await sent
      return reply
    })
  }

  /** Opens a file, or the part of it that is asked for, and says so in the headers. */
  async function openFile(
    { headers }: FileRequest,
    reply: FastifyReply,
    files: SessionFiles,
    path: string,
  ): Promise<Readable> {
    const { type, size } = await files.stat(path)
    // A link is as long as its target's name, and files that the kernel makes up say 0.
    if (type !== 'file' || size === 0) return files.read(path)
    reply.header('accept-ranges', 'bytes')
    const range = rangeOf(headers.range, size)
    if (range === 'unsatisfiable') {
      reply.header('content-range', `bytes */${size}`)
      throw new Problem('no-such-range', `The file has ${size} bytes.`)
    }
    const { offset, length } = range ?? { offset: 0, length: size }
    if (range) {
      reply.code(206)
      reply.header('content-range', `bytes ${offset}-${offset + length - 1}/${size}`)
    }
    reply.header('content-length', length)
    return Readable.from(exactly(await files.read(path, { offset, length }), length))
  }

  const read = async (request: FileRequest, reply: FastifyReply) => {
    const path = pathOf(request)
    const depth = depthOf(request)
    if (depth === null) {
      const name = path.split('/').at(-1) ?? ''
      return sendBytes(request, reply, name, (files) => openFile(request, reply, files, path))
    }
    if (depth === 0) {
      const entry = await work(request, reply, (files) => files.stat(path))
      return toldEntry({ ...entry, path: request.params['*'] ?? '' })
    }
    const entries = await work(request, reply, (files) => files.list(path, depth))
    return { entries: entries.map(toldEntry) }
  }
  app.get(url, signed, read)
  // The home itself.
  app.get('/v1/sessions/:id/files', read)
  app.options(url, signed, async (request, reply) => grants.answerPreflight(request, reply))

  const bodyLimit = MAX_FILE_BYTES
  app.put(url, { ...signed, bodyLimit }, async (request: FileRequest, reply) => {
    const path = pathOf(request)
    await work(request, reply, (files) => files.write(path, bodyOf(request)))
    return reply.code(204).send()
  })
  app.delete(url, async (request: FileRequest, reply) => {
    const path = pathOf(request)
    await work(request, reply, (files) => files.remove(path))
    return reply.code(204).send()
  })

  const archive = '/v1/sessions/:id/archive'
  app.get(archive, async (request: FileRequest, reply) => {
    const path = pathFrom(request.query.path ?? '')
    const name = `${path.split('/').filter(Boolean).at(-1) ?? 'root'}.tar`
    return sendBytes(request, reply, name, (files) => files.pack(path))
  })
  app.put(archive, { bodyLimit }, async (request: FileRequest, reply) => {
    const path = pathFrom(request.query.path ?? '')
    await work(request, reply, (files) => files.unpack(path, bodyOf(request)))
    return reply.code(204).send()
  })

  app.get('/v1/sessions/:id/watch', async (request: FileRequest, reply) => {
    const path = pathFrom(request.query.path ?? '')
    const depth = depthOf(request) || 1
    const stream = new EventStream(reply, request.caller, answers)
    return work(request, reply, async (files) => {
      for await (const { type, path: changed } of files.watch(path, depth)) {
        stream.send(type, JSON.stringify(changed === '' ? {} : { path: changed }))
        await stream.drained()
      }
      stream.close()
      return reply
    }).catch((error) => {
      if (!stream.isBegun) throw error
      stream.close()
      return reply
    })
  })
}

/** Sends the body of a request, whose caller may have waited for leave. */
function bodyOf({ raw, body }: FastifyRequest) {
  return async (input: NodeJS.WritableStream) => {
    giveLeave(raw)
    if (body) await pipeline(body as Readable, input)
    else input.end()
  }
}

function pathOf({ params }: FileRequest): string {
  return pathFrom(params['*'] ?? '')
}

/** How many folders deep a folder is listed, 0: the entry itself; null: the content of a file is read. */
function depthOf({ params, query }: FileRequest): number | null {
  if (query.depth === undefined && params['*'] !== undefined) return null
  const depth = Number(query.depth ?? 1)
  const least = params['*'] === undefined ? 1 : 0
  if (Number.isInteger(depth) && depth >= least && depth <= MAX_DEPTH) return depth
  throw invalid([{ pointer: '', detail: `depth must be a number from ${least} to ${MAX_DEPTH}.` }])
}
