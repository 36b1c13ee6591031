import { isUtf8 } from 'node:buffer'
import { posix } from 'node:path'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { mediaTypeOf } from '../../run/media-types.ts'
import type { FileEntry } from '../../sessions/file-records.ts'
import type { SessionFiles } from '../../sessions/files.ts'
import type { Sessions } from '../../sessions/types.ts'
import { SESSION_HOME } from '../../sessions/user.ts'
import type { Answers } from '../answers.ts'
import { Refused, unreadAnswers } from '../refused.ts'
import { runCallerOf } from '../run-caller.ts'
import { inSession, readWhole, writeWhole } from '../session-work.ts'
import type { JupyterDoor } from './door.ts'
import type { Kept } from './kept-kernels.ts'
import { readBody } from './requests.ts'

/** Of a file that is read or written as JSON. Larger ones go by `/v1/sessions/{id}/files`. */
const MAX_FILE_BYTES = 8 * 1024 ** 2
const MOST_UNTITLED = 1000

const saved = z.object({
  type: z.enum(['file', 'notebook', 'directory']).default('file'),
  format: z.enum(['text', 'base64', 'json']).nullable().default(null),
  content: z.unknown(),
})
const renamed = z.object({ path: z.string() })
const made = z.object({
  type: z.enum(['file', 'notebook', 'directory']).default('file'),
  ext: z.string().max(32).default(''),
})
const EMPTY_NOTEBOOK = { cells: [], metadata: {}, nbformat: 4, nbformat_minor: 5 }

export interface ContentsOptions {
  readonly sessions: Sessions
  readonly answers: Answers
}

/** Where a path of the contents leads: into the session of a kernel. */
interface Place {
  readonly kept: Kept
  /** As its sandbox knows it. */
  readonly inside: string
  /** As clients know it. */
  readonly path: string
}

/**
 * Adds `/api/contents`: the files of the caller's kernels, a folder for each with the kernel's id as its name, in which
 * its home is.
 */
export function addContentsRoutes(
  app: FastifyInstance,
  at: string,
  door: JupyterDoor,
  { sessions, answers }: ContentsOptions,
): void {
  const config = { hasQueryKey: true }
  const placeOf = (request: FastifyRequest, path = pathIn(request)): Place => {
    const [id = '', ...rest] = path.split('/')
    const kept = door.kept?.get(request.caller, id)
    const name = rest.join('/')
    if (!kept || name.includes('\0'))
      throw new Refused(404, `No such file or directory: ${path.slice(0, 200)}`)
    return { kept, inside: name.startsWith('/') ? name : `${SESSION_HOME}/${name}`, path }
  }
  const inPlace = async <T>(
    request: FastifyRequest,
    reply: FastifyReply,
    { kept }: Place,
    work: (files: SessionFiles) => Promise<T>,
  ): Promise<T> => {
    const { signal, done } = runCallerOf(request, reply, null)
    const place = { sessions, caller: request.caller, session: kept.info.id, signal }
    return inSession(place, work).finally(done)
  }

  const read = async (request: FastifyRequest, reply: FastifyReply) => {
    if (!answers.hasRoomFor(request.caller)) throw unreadAnswers()
    const { content = '1', format } = request.query as { content?: string; format?: string }
    if (pathIn(request) === '') return rootOf(door, request.caller)
    const place = placeOf(request)
    const model = await inPlace(request, reply, place, async (files) => {
      const entry = await files.stat(place.inside)
      const told = modelOf(place.path, entry)
      if (content === '0') return told
      if (entry.type === 'folder') return { ...told, ...(await folderOf(files, place)) }
      const bytes = await readWhole(files, place.inside, MAX_FILE_BYTES)
      return { ...told, ...contentOf(place.path, bytes, format) }
    })
    const json = JSON.stringify(model)
    answers.hold(request.caller, json.length, reply.raw)
    return reply.type('application/json; charset=utf-8').send(json)
  }
  app.get(`${at}/contents`, { config }, read)
  app.get(`${at}/contents/*`, { config }, read)

  app.put(`${at}/contents/*`, { config }, async (request, reply) => {
    const asked = readBody(request, saved, 2 * MAX_FILE_BYTES) ?? saved.parse({})
    const place = placeOf(request)
    const [entry, isNew] = await inPlace(request, reply, place, async (files) => {
      const before = await files.stat(place.inside).catch(() => null)
      if (asked.type === 'directory') await files.make(place.inside)
      else await writeWhole(files, place.inside, bytesOf(asked))
      return [await files.stat(place.inside), before === null] as const
    })
    return reply.code(isNew ? 201 : 200).send(modelOf(place.path, entry))
  })

  const make = async (request: FastifyRequest, reply: FastifyReply) => {
    const asked = readBody(request, made) ?? made.parse({})
    const folder = placeOf(request)
    const name = await inPlace(request, reply, folder, async (files) => {
      const taken = new Set((await files.list(folder.inside, 1)).map(({ path }) => path))
      const free = freeName(asked.type, asked.ext, taken)
      const inside = posix.join(folder.inside, free)
      if (asked.type === 'directory') await files.make(inside)
      else {
        const content = asked.type === 'notebook' ? JSON.stringify(EMPTY_NOTEBOOK) : ''
        await writeWhole(files, inside, Buffer.from(content))
      }
      return free
    })
    const place = placeOf(request, `${folder.path.replace(/\/$/, '')}/${name}`)
    const entry = await inPlace(request, reply, place, (files) => files.stat(place.inside))
    reply.header('location', `${at}/contents/${encodeURI(place.path)}`)
    return reply.code(201).send(modelOf(place.path, entry))
  }
  app.post(`${at}/contents/*`, { config }, make)

  app.patch(`${at}/contents/*`, { config }, async (request, reply) => {
    const asked = readBody(request, renamed)
    const from = placeOf(request)
    const to = placeOf(request, (asked?.path ?? '').replace(/^\//, ''))
    if (from.kept.id !== to.kept.id) throw new Refused(400, 'A file stays with its kernel.')
    const entry = await inPlace(request, reply, from, async (files) => {
      await files.move(from.inside, to.inside)
      return files.stat(to.inside)
    })
    return modelOf(to.path, entry)
  })

  app.delete(`${at}/contents/*`, { config }, async (request, reply) => {
    const place = placeOf(request)
    if (!place.path.includes('/'))
      throw new Refused(400, 'End the kernel: its folder goes with it.')
    await inPlace(request, reply, place, (files) => files.remove(place.inside))
    return reply.code(204).send()
  })
}

function pathIn({ params }: FastifyRequest): string {
  return (params as { '*'?: string })['*'] ?? ''
}

function rootOf(door: JupyterDoor, caller: string) {
  const folders = (door.kept?.of(caller) ?? []).map(({ id, info }) => folder(id, info.createdAtMs))
  return { ...folder('', Date.now()), content: folders, format: 'json' }
}

function folder(path: string, atMs: number) {
  const time = new Date(atMs).toISOString()
  return {
    ...{ name: posix.basename(path), path, type: 'directory', writable: true },
    ...{
      created: time,
      last_modified: time,
      mimetype: null,
      size: null,
      content: null,
      format: null,
    },
  }
}

function modelOf(path: string, { type, size, modifiedAt }: FileEntry) {
  if (type === 'folder') return folder(path, modifiedAt.getTime())
  const isNotebook = path.endsWith('.ipynb')
  const time = modifiedAt.toISOString()
  return {
    ...{ name: posix.basename(path), path, type: isNotebook ? 'notebook' : 'file', writable: true },
    ...{ created: time, last_modified: time, size, content: null, format: null },
    mimetype: isNotebook ? null : mediaTypeOf(path),
  }
}

async function folderOf(files: SessionFiles, { inside, path }: Place) {
  const entries = await files.list(inside, 1)
  const at = path.replace(/\/$/, '')
  return { content: entries.map((entry) => modelOf(`${at}/${entry.path}`, entry)), format: 'json' }
}

function contentOf(path: string, bytes: Buffer, format: string | undefined) {
  if (path.endsWith('.ipynb') && format !== 'text' && format !== 'base64') {
    const notebook = jsonIn(bytes)
    if (notebook !== undefined) return { content: notebook, format: 'json' }
  }
  const isText = format === undefined ? isUtf8(bytes) : format !== 'base64'
  if (isText && !isUtf8(bytes)) throw new Refused(400, `${path.slice(0, 200)} is not UTF-8 encoded`)
  return isText
    ? { content: bytes.toString(), format: 'text' }
    : { content: bytes.toString('base64'), format: 'base64' }
}

function bytesOf({ type, format, content }: z.output<typeof saved>): Buffer {
  const isNotebook = type === 'notebook' || format === 'json'
  if (isNotebook && typeof content === 'object')
    return Buffer.from(JSON.stringify(content, null, 1))
  if (typeof content !== 'string') throw new Refused(400, 'No file content provided')
  return Buffer.from(content, format === 'base64' ? 'base64' : 'utf8')
}

function freeName(type: string, ext: string, taken: ReadonlySet<string>): string {
  const [stem, end] =
    type === 'directory'
      ? ['Untitled Folder', '']
      : type === 'notebook'
        ? ['Untitled', '.ipynb']
        : ['untitled', ext]
  for (let number = 0; number < MOST_UNTITLED; number++) {
    const name = `${stem}${number || ''}${end}`
    if (!taken.has(name) && !name.includes('/')) return name
  }
  throw new Refused(409, 'There are too many untitled files.')
}

function jsonIn(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString())
  } catch {
    return undefined
  }
}
