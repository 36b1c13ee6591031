import { posix } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import type { FastifyRequest } from 'fastify'
import type { SessionFiles } from '../../../sessions/files.ts'
import type { Budget } from '../../accounts.ts'
import { DECODER_BYTES, encodingOf } from '../../content-encoding.ts'
import { Refused } from '../../refused.ts'
import { giveLeave } from '../../server.ts'
import { overBudget } from '../../uploads.ts'
import { boundaryOf } from '../../v1/multipart.ts'
import { fileFailure } from './failures.ts'
import { metadataIn } from './file-metadata.ts'
import { partsIn } from './multipart-stream.ts'
import { absolute, type SandboxUser } from './users.ts'

/** Where files go that a request sends. */
export interface Target {
  readonly files: SessionFiles
  readonly user: SandboxUser
  /** Of the query; null: each file says its own. */
  readonly path: string | null
  readonly sandboxId: string
}

/** What is told of a file that was written. */
export interface WrittenFile {
  readonly name: string
  readonly path: string
  readonly type: 'file'
  readonly metadata?: Readonly<Record<string, string>>
}

/**
 * Writes the files of a request as they come.
 * @param budget on which what decodes the body is on its caller's account
 * @throws Refused, GoneSandbox
 */
export async function takeFiles(
  request: FastifyRequest,
  target: Target,
  budget: Budget,
): Promise<WrittenFile[]> {
  const metadata = metadataIn(request)
  const type = request.headers['content-type'] ?? ''
  const isForm = type.startsWith('multipart/form-data')
  const boundary = isForm ? boundaryOf(type) : null
  if (isForm && !boundary)
    throw new Refused(400, 'error parsing multipart form: it has no boundary')
  if (!isForm && !target.path) {
    throw new Refused(400, 'path is required when the body is application/octet-stream')
  }
  giveLeave(request.raw)
  const encoding = encodingOf(request.headers['content-encoding'])
  const entry = budget.open(request.caller, () => request.raw.destroy())
  if (encoding && !entry.add(DECODER_BYTES)) throw overBudget()
  try {
    const body = (request.body ?? []) as Readable | Buffer[]
    const decoder = encoding ? createGunzip() : null
    const content = decoder ? decoded(body, decoder) : body
    if (boundary) return await takeForm(content, boundary, target, metadata)
    return [await takeFile(content, target.path as string, target, metadata)]
  } finally {
    entry.release()
  }
}

async function takeForm(
  content: AsyncIterable<Buffer> | Buffer[],
  boundary: string,
  target: Target,
  metadata: Readonly<Record<string, string>>,
): Promise<WrittenFile[]> {
  const written: WrittenFile[] = []
  for await (const part of partsIn(content as AsyncIterable<Buffer>, boundary)) {
    if (part.name !== 'file') continue
    const path = target.path || part.filename
    if (!path) throw new Refused(400, 'a file of the form has no path')
    if (target.path && written.length > 0) {
      throw new Refused(
        400,
        'the path of the query is for one file: send one, or leave the path out',
      )
    }
    written.push(await takeFile(part.content, path, target, metadata))
  }
  if (written.length === 0) throw new Refused(400, 'the form has no file')
  return written
}

async function takeFile(
  content: AsyncIterable<Buffer> | Buffer[],
  asked: string,
  { files, user, sandboxId }: Target,
  metadata: Readonly<Record<string, string>>,
): Promise<WrittenFile> {
  const path = absolute(asked, user)
  try {
    await files.put(path, metadata, (input: Writable) => pipeline(content, input))
  } catch (error) {
    throw fileFailure(error, path, sandboxId)
  }
  const told = { name: posix.basename(path), path, type: 'file' } as const
  return Object.keys(metadata).length > 0 ? { ...told, metadata } : told
}

/** Yields what a compressed body becomes. */
async function* decoded(
  body: Readable | Buffer[],
  decoder: ReturnType<typeof createGunzip>,
): AsyncGenerator<Buffer> {
  const feeding = pipeline(body, decoder).catch((error: NodeJS.ErrnoException) => {
    const isWrong = error.code?.startsWith('Z_') || error.code === 'ERR_ZLIB'
    throw isWrong ? new Refused(400, 'the body is not gzip, as its Content-Encoding says') : error
  })
  feeding.catch(() => {})
  try {
    yield* decoder as AsyncIterable<Buffer>
  } catch {
    // Why it broke off is told by what feeds it.
  } finally {
    decoder.destroy()
  }
  await feeding
}
