import { isUtf8 } from 'node:buffer'
import { posix } from 'node:path'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { mediaTypeOf } from '../../run/media-types.ts'
import type { FileEntry } from '../../sessions/file-records.ts'
import { SESSION_HOME } from '../../sessions/user.ts'
import { Refused } from '../refused.ts'
import { readWhole, writeWhole } from '../session-work.ts'
import type { Body } from '../uploads.ts'
import { boundaryOf, readParts } from '../v1/multipart.ts'
import {
  bodyOf,
  jsonInside,
  MAX_JSON_BYTES,
  type OpenTerminal,
  queryOf,
  type Work,
  workFor,
  workInside,
} from './door.ts'
import { replacements } from './replacing.ts'

const MAX_ARCHIVE_BYTES = 64 * 1024 ** 2
const flag = z
  .union([z.boolean(), z.string()])
  .transform((value) => value === true || /^(true|1|yes|on)$/i.test(String(value)))
const line = z.coerce.number().int().min(1).optional()
const most = z.coerce.number().int().min(1).max(500).default(50)
const list = z.union([z.string().transform((one) => [one]), z.array(z.string())]).nullish()
const path = z.object({ path: z.string() })
const QUERIES = {
  list: z.object({ directory: z.string().default('.') }),
  read: z.object({ path: z.string(), start_line: line, end_line: line }),
  upload: z.object({ directory: z.string() }),
  grep: z.object({
    ...{ query: z.string(), path: z.string().default('.'), regex: flag.default(true) },
    ...{ case_insensitive: flag.default(false), include: list, match_per_line: flag.default(true) },
    max_results: most,
  }),
  glob: z.object({
    ...{ pattern: z.string(), path: z.string().default('.'), exclude: list },
    ...{ type: z.enum(['file', 'directory', 'any']).default('any'), max_results: most },
  }),
}
const BODIES = {
  write: z.object({ path: z.string(), content: z.string() }),
  move: z.object({ source: z.string(), destination: z.string() }),
  archive: z.object({ paths: z.array(z.string()).min(1).max(1000) }),
  replace: z.object({ path: z.string(), replacements }),
}
/** What a model may look at itself. */
const SHOWN = /^image\//
/** A file of a session is hostile: no browser may take it for a page of this service. */
const UNTRUSTED = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "sandbox; default-src 'none'",
  'cache-control': 'no-store',
}

/** Adds `/files`: the files of the session of a chat. */
export function addFileRoutes(app: FastifyInstance, at: string, door: OpenTerminal): void {
  const { answers, places } = door
  const get = (
    name: string,
    does: (work: Work, request: FastifyRequest, reply: FastifyReply) => Promise<unknown>,
  ) =>
    app.get(`${at}/files/${name}`, (request, reply) =>
      workFor(door, request, reply, (work) => does(work, request, reply)),
    )
  const post = (name: string, does: (work: Work, request: FastifyRequest) => Promise<unknown>) =>
    app.post(`${at}/files/${name}`, (request, reply) =>
      workFor(door, request, reply, (work) => does(work, request)),
    )
  /** A file as it is, on the account until it is sent. */
  const send = (request: FastifyRequest, reply: FastifyReply, bytes: Buffer, type: string) => {
    answers.hold(request.caller, bytes.length, reply.raw)
    return reply.headers(UNTRUSTED).type(type).send(bytes)
  }

  get('cwd', async ({ place }) => ({
    ...{ cwd: place.cwd, home: SESSION_HOME, root: { path: SESSION_HOME, label: 'Home' } },
  }))
  post('cwd', async (work, request) => {
    const target = work.path((await bodyOf(door, request, path)).path)
    if ((await entryOf(work, target))?.type !== 'folder')
      throw new Refused(404, 'Directory not found')
    places.move(work.place, target)
    return { cwd: target }
  })
  get('list', (work, request) =>
    jsonInside(work, 'entries', { path: work.path(queryOf(request, QUERIES.list).directory) }),
  )
  get('read', async (work, request, reply) => {
    const asked = queryOf(request, QUERIES.read)
    const target = work.path(asked.path)
    const bytes = await fileOf(work, target)
    const type = mediaTypeOf(target)
    if (isUtf8(bytes)) {
      const lines =
        bytes
          .toString()
          .replace(/\r\n?/g, '\n')
          .match(/[^\n]*\n|[^\n]+/g) ?? []
      const content = lines.slice((asked.start_line ?? 1) - 1, asked.end_line).join('')
      return { path: target, content, total_lines: lines.length }
    }
    if (SHOWN.test(type)) return send(request, reply, bytes, type)
    throw new Refused(415, `Unsupported binary file type: ${type} (${bytes.length} bytes)`)
  })
  get('display', async (work, request) => {
    const target = work.path(queryOf(request, path).path)
    return { path: target, exists: (await entryOf(work, target))?.type === 'file' }
  })
  get('view', async (work, request, reply) => {
    const target = work.path(queryOf(request, path).path)
    return send(request, reply, await fileOf(work, target), mediaTypeOf(target))
  })
  get('serve/*', async (work, request, reply) => {
    const target = work.path(`/${(request.params as { '*': string })['*']}`)
    return send(request, reply, await fileOf(work, target), mediaTypeOf(target))
  })
  get('grep', (work, request) => {
    const asked = queryOf(request, QUERIES.grep)
    return jsonInside(work, 'grep', {
      ...asked,
      include: asked.include ?? null,
      path: work.path(asked.path),
    })
  })
  get('glob', (work, request) => {
    const asked = queryOf(request, QUERIES.glob)
    return jsonInside(work, 'glob', {
      ...asked,
      exclude: asked.exclude ?? null,
      path: work.path(asked.path),
    })
  })
  post('write', async (work, request) => {
    const [target, content] = await writtenIn(door, work, request)
    await writeWhole(work.files, target, content, work.holding)
    return { path: target, size: content.length }
  })
  post('mkdir', async (work, request) => {
    const target = work.path((await bodyOf(door, request, path)).path)
    await work.files.make(target)
    return { path: target }
  })
  post('move', async (work, request) => {
    const asked = await bodyOf(door, request, BODIES.move)
    const [source, destination] = [work.path(asked.source), work.path(asked.destination)]
    if (!(await entryOf(work, source))) throw new Refused(404, 'Source path not found')
    if ((await entryOf(work, posix.dirname(destination)))?.type !== 'folder') {
      throw new Refused(400, 'Destination parent directory not found')
    }
    if (await entryOf(work, destination)) throw new Refused(409, 'Destination already exists')
    await work.files.move(source, destination)
    return { source, destination }
  })
  post('replace', async (work, request) => {
    const asked = await bodyOf(door, request, BODIES.replace)
    const target = work.path(asked.path)
    const input = Buffer.from(JSON.stringify(asked.replacements))
    return jsonInside(work, 'replace', { path: target, most: MAX_JSON_BYTES }, input)
  })
  post('upload', async (work, request) => {
    const { directory } = queryOf(request, QUERIES.upload)
    const body = (request.body ?? null) as Body | null
    try {
      const boundary = boundaryOf(request.headers['content-type'] ?? '')
      const parts = readParts(Buffer.concat(body?.takeBlocks() ?? []), boundary ?? '')
      if ('wrong' in parts) throw new Refused(400, parts.wrong)
      const file = parts.find(({ name, filename }) => name === 'file' && filename !== null)
      if (!file) throw new Refused(422, 'file: Field required')
      const name = posix.basename(file.filename ?? '') || 'upload'
      const target = posix.join(work.path(directory), name)
      await writeWhole(work.files, target, file.content, null)
      return { path: target, size: file.content.length }
    } finally {
      body?.entry.release()
    }
  })
  app.post(`${at}/files/archive`, (request, reply) =>
    workFor(door, request, reply, async (work) => {
      const paths = (await bodyOf(door, request, BODIES.archive)).paths.map((one) => work.path(one))
      const bytes = await workInside(work, 'archive', { paths }, MAX_ARCHIVE_BYTES)
      if (bytes[0] === '{'.charCodeAt(0)) throw new Refused(404, 'Path not found')
      const [only] = paths
      const name = paths.length === 1 && only ? posix.basename(only) || 'archive' : 'download'
      const plain = name.replace(/[^\w.-]/g, '_')
      reply.header('content-disposition', `attachment; filename="${plain}.zip"`)
      return send(request, reply, bytes, 'application/zip')
    }),
  )
  app.delete(`${at}/files/delete`, (request, reply) =>
    workFor(door, request, reply, async (work) => {
      const target = work.path(queryOf(request, path).path)
      const entry = await entryOf(work, target)
      if (!entry) throw new Refused(404, 'Path not found')
      await work.files.remove(target)
      return { path: target, type: entry.type === 'folder' ? 'directory' : 'file' }
    }),
  )
}

/** @returns null: there is nothing */
async function entryOf({ files }: Work, target: string): Promise<FileEntry | null> {
  return files.stat(target).catch((error: Error & { errno?: number }) => {
    if (error.errno === undefined) throw error
    return null
  })
}

/** Reads what is to be written, so that nothing else of the body stays. */
async function writtenIn(
  door: OpenTerminal,
  work: Work,
  request: FastifyRequest,
): Promise<[target: string, content: Buffer]> {
  const asked = await bodyOf(door, request, BODIES.write)
  return [work.path(asked.path), Buffer.from(asked.content)]
}

async function fileOf(work: Work, target: string): Promise<Buffer> {
  if ((await entryOf(work, target))?.type !== 'file') throw new Refused(404, 'File not found')
  return readWhole(work.files, target, MAX_JSON_BYTES, work.holding)
}
