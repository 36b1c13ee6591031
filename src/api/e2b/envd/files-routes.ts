import { posix } from 'node:path'
import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { exactly } from '../../../sessions/file-bytes.ts'
import { FileError, SessionFiles } from '../../../sessions/files.ts'
import { Refused, unreadAnswers } from '../../refused.ts'
import { attachment, UNTRUSTED } from '../../untrusted-file.ts'
import type { E2bContext } from '../context.ts'
import { send } from '../failures.ts'
import { within } from './calls.ts'
import { readMessage } from './connect/calls.ts'
import { EISDIR, fileFailure } from './failures.ts'
import { rangeIn } from './file-range.ts'
import { takeFiles } from './upload.ts'
import { absolute, type SandboxUser, userNamed } from './users.ts'

/** Of one request with files; the disk of a sandbox is smaller. */
const MAX_BYTES = 64 * 1024 ** 3
/** What an answer may hold here on its way from a sandbox to its caller. */
const STREAM_BYTES = 512 * 1024
/** Pages of any origin may use a signed address. */
const FOR_PAGES = { 'access-control-allow-origin': '*' }

const composed = z.object({
  source_paths: z.array(z.string().min(1)).min(1).max(1000),
  destination: z.string().min(1),
  username: z.string().optional(),
})

type FileRequest = FastifyRequest<{ Querystring: { path?: string; username?: string } }>

/** Adds `/files`: files of a sandbox, which go through as they come; a Fastify plugin. */
export async function fileContents(app: FastifyInstance, context: E2bContext): Promise<void> {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { bodyLimit: MAX_BYTES }, (_request, payload, done) =>
    done(null, payload),
  )
  const config = { sandbox: 'files' } as const
  app.get('/files', { config }, (request: FileRequest, reply) => sendFile(request, reply, context))
  app.post('/files', { config, bodyLimit: MAX_BYTES }, async (request: FileRequest, reply) => {
    const user = userIn(request.query.username)
    const { path = null } = request.query
    const written = await within(request, reply, context, ({ use, sandbox, signal }) => {
      const files = new SessionFiles(use.channels, AbortSignal.any([signal, use.ended]), user.files)
      return takeFiles(request, { files, user, path, sandboxId: sandbox.sandboxId }, context.frames)
    })
    void reply.headers(FOR_PAGES)
    return send(reply, 200, written)
  })
}

/** Adds `/files/compose`, which joins files of a sandbox to one. */
export function addComposeRoute(app: FastifyInstance, context: E2bContext): void {
  app.post('/files/compose', { config: { sandbox: 'envd' } }, async (request, reply) => {
    const asked = await readMessage(request, composed, context.parsing)
    const user = userIn(asked.username)
    const path = absolute(asked.destination, user)
    await within(request, reply, context, async ({ use, sandbox, signal }) => {
      const files = new SessionFiles(use.channels, AbortSignal.any([signal, use.ended]), user.files)
      const sources = asked.source_paths.map((one) => absolute(one, user))
      await files.join(path, sources).catch((error) => {
        throw fileFailure(error, path, sandbox.sandboxId)
      })
    })
    return send(reply, 200, { name: posix.basename(path), path, type: 'file' })
  })
}

/** @throws Refused 401 */
function userIn(name: string | undefined): SandboxUser {
  const user = userNamed(name)
  if (user) return user
  const said = name?.slice(0, 64)
  throw new Refused(401, `error looking up user '${said}': user: unknown user ${said}`)
}

/** Sends a file, or some bytes of it. The sandbox is in use until they are sent. */
async function sendFile(
  request: FileRequest,
  reply: FastifyReply,
  context: E2bContext,
): Promise<FastifyReply> {
  const { answers } = context
  const user = userIn(request.query.username)
  const path = absolute(request.query.path ?? '', user)
  if (!answers.hasRoomFor(request.caller)) throw unreadAnswers()
  const drop = answers.keep(request.caller, STREAM_BYTES, () => reply.raw.destroy())
  reply.raw.once('close', drop)
  return within(request, reply, context, async ({ use, sandbox, signal }) => {
    const files = new SessionFiles(use.channels, AbortSignal.any([signal, use.ended]), user.files)
    try {
      const { size, type, end, modifiedAt } = await sizeOf(files, path)
      if ((end ?? { type }).type === 'folder') throw new FileError(EISDIR, 'Is a directory')
      const range = rangeIn(request.headers.range, size)
      void reply.headers({
        ...UNTRUSTED,
        ...FOR_PAGES,
        'accept-ranges': 'bytes',
        'content-disposition': attachment(posix.basename(path)),
        'last-modified': modifiedAt.toUTCString(),
      })
      if (range === 'unsatisfiable') {
        void reply.header('content-range', `bytes */${size}`)
        throw new Refused(416, 'invalid range: the file has no such bytes')
      }
      const { start, end: after } = range ?? { start: 0, end: size }
      const length = after - start
      const isBare = request.method === 'HEAD'
      const bytes = await files.read(path, { offset: start, length: isBare ? 0 : length })
      const sent = new Promise<void>((resolve) => reply.raw.once('close', resolve))
      if (range) void reply.code(206).header('content-range', `bytes ${start}-${after - 1}/${size}`)
      void reply.type('application/octet-stream').header('content-length', length)
      void reply.send(isBare ? bytes : Readable.from(exactly(bytes, length), { objectMode: false }))
      await sent
      return reply
    } catch (error) {
      throw fileFailure(error, path, sandbox.sandboxId)
    }
  })
}

/** The entry of a path; of a link, with the size of what it leads to. */
async function sizeOf(files: SessionFiles, path: string) {
  const entry = await files.detail(path)
  if (!entry.end) return entry
  const { size } = await files.stat(entry.end.path)
  return { ...entry, size }
}
