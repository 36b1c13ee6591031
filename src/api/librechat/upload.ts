import type { FastifyReply, FastifyRequest } from 'fastify'
import { ManagerError } from '../../errors.ts'
import { isPlainPath } from '../../lib/plain-path.ts'
import { mediaTypeOf } from '../../run/media-types.ts'
import { Refused } from '../refused.ts'
import type { Body } from '../uploads.ts'
import { boundaryOf, type Part, readParts } from '../v1/multipart.ts'
import { send } from './failures.ts'
import { ownerOf, type SessionFiles } from './files.ts'
import { newId } from './ids.ts'

/** Files of one batch. */
const MAX_FILES = 200

interface Uploaded {
  readonly status: 'success'
  readonly filename: string
  readonly fileId: string
}

interface NotUploaded {
  readonly status: 'error'
  readonly filename: string
  readonly error: string
}

/** Answers `POST /upload`: keeps one file, or several, in a new storage session. */
export async function upload(
  request: FastifyRequest,
  reply: FastifyReply,
  files: SessionFiles,
): Promise<FastifyReply> {
  const { session, results } = await keepParts(request, files)
  const failed = results.find((one) => one.status === 'error')
  if (failed) throw new Refused(failed.code, failed.error)
  return send(reply, 200, {
    message: 'success',
    storage_session_id: session,
    session_id: session,
    files: results.map((one) => ({ fileId: (one as Uploaded).fileId, filename: one.filename })),
  })
}

/** Answers `POST /upload/batch`: as upload(), and tells of each file whether it was kept. */
export async function uploadBatch(
  request: FastifyRequest,
  reply: FastifyReply,
  files: SessionFiles,
): Promise<FastifyReply> {
  const { session, results } = await keepParts(request, files)
  const succeeded = results.filter(({ status }) => status === 'success').length
  const failed = results.length - succeeded
  const message = failed === 0 ? 'success' : succeeded === 0 ? 'error' : 'partial_success'
  return send(reply, succeeded === 0 ? 400 : 200, {
    message,
    storage_session_id: session,
    session_id: session,
    files: results.map(({ code: _, ...one }) => one),
    succeeded,
    failed,
  })
}

type Result = (Uploaded | NotUploaded) & { readonly code: number }

async function keepParts(
  request: FastifyRequest,
  files: SessionFiles,
): Promise<{ session: string; results: Result[] }> {
  const body = (request.body ?? null) as Body | null
  try {
    const parts = partsOf(body, request.headers['content-type'] ?? '')
    const isReadOnly = parts.some(({ name, content }) => {
      return name === 'read_only' && content.length < 10 && content.toString() === 'true'
    })
    const kind = parts.find(({ name, content }) => name === 'kind' && content.length < 10)
    const owner = ownerOf(request, kind?.content.toString())
    const sent = parts.filter((part) => part.filename !== null)
    if (sent.length === 0) throw new Refused(400, 'No file was sent')
    if (sent.length > MAX_FILES) throw new Refused(400, `More than ${MAX_FILES} files were sent`)
    const session = newId()
    const results: Result[] = []
    for (const part of sent) {
      results.push(await keepPart(part, isReadOnly, owner, session, files))
    }
    return { session, results }
  } finally {
    body?.entry.release()
  }
}

function partsOf(body: Body | null, contentType: string): readonly Part[] {
  const boundary = boundaryOf(contentType)
  if (body === null || boundary === null) throw new Refused(400, 'The body is not a form')
  const parts = readParts(Buffer.concat(body.takeBlocks()), boundary)
  if ('wrong' in parts) throw new Refused(400, parts.wrong)
  return parts
}

async function keepPart(
  { filename, content }: Part,
  isReadOnly: boolean,
  owner: string,
  session: string,
  files: SessionFiles,
): Promise<Result> {
  const name = filename ?? ''
  const failed = (code: number, error: string): Result => {
    return { status: 'error', filename: name, error, code }
  }
  if (!isPlainPath(name)) return failed(400, 'The name of the file cannot be used')
  try {
    const mediaType = mediaTypeOf(name)
    const { id } = await files.add(owner, session, { name, mediaType, content, isReadOnly })
    return { status: 'success', filename: name, fileId: id, code: 200 }
  } catch (error) {
    if (!(error instanceof ManagerError)) throw error
    return failed(error.httpStatus, error.message)
  }
}
