import { isUtf8 } from 'node:buffer'
import { posix } from 'node:path'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { checkResult } from '../../run/check-result.ts'
import { mediaTypeOf } from '../../run/media-types.ts'
import type { FileEntry } from '../../sessions/file-records.ts'
import type { SessionFiles } from '../../sessions/files.ts'
import type { Sessions } from '../../sessions/types.ts'
import { SESSION_HOME } from '../../sessions/user.ts'
import type { Answers } from '../answers.ts'
import { withBody } from '../body-value.ts'
import { LARGE_BODY_BYTES, type ParsingThread } from '../parsing-thread.ts'
import { Refused, unreadAnswers } from '../refused.ts'
import { runCallerOf } from '../run-caller.ts'
import { inSession, readWhole, writeWhole } from '../session-work.ts'
import type { JupyterDoor } from './door.ts'
import type { Kept } from './kept-kernels.ts'
import { drop, readBody } from './requests.ts'
import { readSaved, type Saved } from './saved-content.ts'

/** Of a file that is read or written as JSON. Larger ones go by `/v1/sessions/{id}/files`. */
const MAX_FILE_BYTES = 8 * 1024 ** 2
const MOST_UNTITLED = 1000

const renamed = z.object({ path: z.string() })
const made = z.object({
  type: z.enum(['file', 'notebook', 'directory']).default('file'),
  ext: z.string().max(32).default(''),
})
const EMPTY_NOTEBOOK = { cells: [], metadata: {}, nbformat: 4, nbformat_minor: 5 }

export interface ContentsOptions {
  readonly sessions: Sessions
  readonly answers: Answers
  readonly parsing: ParsingThread
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
  { sessions, answers, parsing }: ContentsOptions,
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
    work: (files: SessionFiles, signal: AbortSignal) => Promise<T>,
  ): Promise<T> => {
    const { signal, done } = runCallerOf(request, reply, null)
    const place = { sessions, caller: request.caller, session: kept.info.id, signal }
    return inSession(place, (files) => work(files, signal)).finally(done)
  }

  /** A notebook goes on as it is written: no objects are made of what a program may have written itself. */
  const isJsonText = async (bytes: Buffer, caller: string, signal: AbortSignal) => {
    if (!isUtf8(bytes)) return false
    const wrong =
      bytes.length > LARGE_BODY_BYTES
        ? await parsing.checkResult(caller, bytes, signal)
        : checkResult(bytes)
    return wrong === null
  }

  const read = async (request: FastifyRequest, reply: FastifyReply) => {
    if (!answers.hasRoomFor(request.caller)) throw unreadAnswers()
    const { content = '1', format } = request.query as { content?: string; format?: string }
    if (pathIn(request) === '') return rootOf(door, request.caller)
    const place = placeOf(request)
    const json = await inPlace(request, reply, place, async (files, signal) => {
      const entry = await files.stat(place.inside)
      const told = modelOf(place.path, entry)
      if (content === '0') return JSON.stringify(told)
      if (entry.type === 'folder') {
        return JSON.stringify({ ...told, ...(await folderOf(files, place)) })
      }
      const bytes = await readWhole(files, place.inside, MAX_FILE_BYTES, {
        caller: request.caller,
        answers,
      })
      const isNotebook = place.path.endsWith('.ipynb') && format !== 'text' && format !== 'base64'
      if (isNotebook && (await isJsonText(bytes, request.caller, signal))) {
        const rest = JSON.stringify({ ...told, content: undefined, format: 'json' })
        return `${rest.slice(0, -1)},"content":${bytes}}`
      }
      return JSON.stringify({ ...told, ...contentOf(place.path, bytes, format) })
    })
    answers.hold(request.caller, json.length, reply.raw)
    return reply.type('application/json; charset=utf-8').send(json)
  }
  app.get(`${at}/contents`, { config }, read)
  app.get(`${at}/contents/*`, { config }, read)

  app.put(`${at}/contents/*`, { config }, async (request, reply) => {
    try {
      const { type, content } = await savedIn(request, parsing)
      const place = placeOf(request)
      const [entry, isNew] = await inPlace(request, reply, place, async (files) => {
        const before = await files.stat(place.inside).catch(() => null)
        if (type === 'directory') await files.make(place.inside)
        else await writeWhole(files, place.inside, bounded(content), null)
        return [await files.stat(place.inside), before === null] as const
      })
      return reply.code(isNew ? 201 : 200).send(modelOf(place.path, entry))
    } finally {
      // On the account for as long as the content is here.
      drop(request)
    }
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
        await writeWhole(files, inside, Buffer.from(content), null)
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
  const isText = format === undefined ? isUtf8(bytes) : format !== 'base64'
  if (isText && !isUtf8(bytes)) throw new Refused(400, `${path.slice(0, 200)} is not UTF-8 encoded`)
  return isText
    ? { content: bytes.toString(), format: 'text' }
    : { content: bytes.toString('base64'), format: 'base64' }
}

/** @throws Refused; what withBody() throws */
async function savedIn(request: FastifyRequest, parsing: ParsingThread): Promise<Saved> {
  const read = await withBody(request, async (json, signal) => {
    if (json.length > 2 * MAX_FILE_BYTES) throw new Refused(413, 'The body is too large.')
    if (json.length === 0) return null
    return json.length > LARGE_BODY_BYTES
      ? parsing.readSaved(request.caller, json, signal)
      : readSaved(json)
  })
  if (read === null) return { type: 'file', content: null }
  if ('wrong' in read) throw new Refused(400, read.wrong)
  return read.saved
}

/** @throws Refused when there is no content, or too much */
function bounded(content: Uint8Array | null): Buffer {
  if (content === null) throw new Refused(400, 'No file content provided')
  if (content.length > MAX_FILE_BYTES) {
    throw new Refused(413, `A file that goes through JSON has at most ${MAX_FILE_BYTES} bytes.`)
  }
  return Buffer.from(content.buffer, content.byteOffset, content.length)
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
