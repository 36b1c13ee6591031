import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { SessionProcess } from '../../sessions/errors.ts'
import type { Sessions, SessionUse } from '../../sessions/types.ts'
import { SESSION_HOME, SESSION_USER } from '../../sessions/user.ts'
import type { Keepers } from './call.ts'
import { invalid } from './problems.ts'
import { errnoProblem, type SessionRequest, sessionProblem, take } from './session-call.ts'
import type { FileListAnswer } from './session-schema.ts'

type FileRequest = FastifyRequest<{
  Params: { id: string; '*'?: string }
  Querystring: { depth?: string }
}>

/** Of one file that is sent; the disk of the session is smaller. */
const MAX_FILE_BYTES = 64 * 1024 ** 3
/** What a list of files may hold, in bytes of the sandbox's answer. */
const MAX_LIST_BYTES = 4 * 1024 * 1024
/** Of the line about what failed. */
const MAX_WORDS_BYTES = 200

/**
 * `/v1/sessions/{id}/files/{path}`: files of a session, from its home; with a slash before it, from the root. Content
 * goes through as it comes, nothing of it is held here.
 */
export async function sessionFiles(
  app: FastifyInstance,
  { sessions, connections }: Keepers & { readonly sessions: Sessions },
): Promise<void> {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { bodyLimit: MAX_FILE_BYTES }, (_request, payload, done) =>
    done(null, payload),
  )
  const url = '/v1/sessions/:id/files/*'
  const read = async (request: FileRequest, reply: FastifyReply) => {
    connections.work(request.raw.socket, null)
    const path = pathOf(request)
    const depth = depthOf(request)
    const use = await take(sessions, request as SessionRequest)
    if (depth === null) return sendFile(use, path, reply)
    try {
      return { entries: await list(use, path, depth, reply) } satisfies FileListAnswer
    } finally {
      use.release()
    }
  }
  app.get(url, read)
  // The home itself.
  app.get('/v1/sessions/:id/files', read)
  app.put(url, { bodyLimit: MAX_FILE_BYTES }, async (request: FileRequest, reply) => {
    connections.work(request.raw.socket, null)
    const path = pathOf(request)
    const use = await take(sessions, request as SessionRequest)
    try {
      const process = await use.channels.fileWork(['write', path], SESSION_USER)
      endsWith(reply, process)
      const body = request.body as Readable | undefined
      const sent = body ? pipeline(body, process.stdin) : process.stdin.end()
      // Of an upload that breaks off nothing may stay.
      const broken = Promise.resolve(sent as Promise<void>).catch((error) => {
        process.release()
        throw error
      })
      await Promise.all([broken, done(process)])
      return reply.code(204).send()
    } catch (error) {
      throw sessionProblem(error as Error)
    } finally {
      use.release()
    }
  })
  app.delete(url, async (request: FileRequest, reply) => {
    const path = pathOf(request)
    const use = await take(sessions, request as SessionRequest)
    try {
      const process = await use.channels.fileWork(['remove', path], SESSION_USER)
      endsWith(reply, process)
      await done(process)
      return reply.code(204).send()
    } catch (error) {
      throw sessionProblem(error as Error)
    } finally {
      use.release()
    }
  })
}

/** Answers with a file's content; whether it can be read is known by its first bytes. */
async function sendFile(use: SessionUse, path: string, reply: FastifyReply): Promise<FastifyReply> {
  try {
    const process = await use.channels.fileWork(['read', path], SESSION_USER)
    process.stdin.end()
    const { stdout } = process
    const failed = outcomeOf(process)
    // A sandbox that ends later breaks the stream off.
    failed.catch(() => {})
    const first = await firstOf(stdout)
    if (!first) await failed
    reply.raw.once('close', () => {
      process.release()
      use.release()
    })
    return reply.type('application/octet-stream').send(stdout)
  } catch (error) {
    use.release()
    throw sessionProblem(error as Error)
  }
}

/** Ends the work when its caller has gone. */
function endsWith(reply: FastifyReply, process: SessionProcess): void {
  reply.raw.once('close', () => process.release())
}

/** Whether the stream has something to read; false: it has ended without. */
function firstOf(stream: Readable): Promise<boolean> {
  return new Promise((resolve, reject) => {
    stream.once('readable', () => resolve(stream.readableLength > 0))
    stream.once('end', () => resolve(false))
    stream.once('error', reject)
  })
}

async function list(
  use: SessionUse,
  path: string,
  depth: number,
  reply: FastifyReply,
): Promise<FileListAnswer['entries']> {
  try {
    const process = await use.channels.fileWork(['list', path, String(depth)], SESSION_USER)
    endsWith(reply, process)
    process.stdin.end()
    const [said, failure] = await Promise.all([
      atMost(process.stdout, MAX_LIST_BYTES),
      outcomeOf(process).catch((error: Error) => error),
    ])
    if (said === null) throw invalid([{ pointer: '', detail: 'The folder has too many entries.' }])
    if (failure) throw failure
    return entriesOf(said)
  } catch (error) {
    throw sessionProblem(error as Error)
  }
}

const TYPES = { f: 'file', d: 'folder', l: 'link', o: 'other' } as const

/** Reads the records of `session-files.c`. They come from hostile code: what is malformed is left out. */
function entriesOf(said: string): FileListAnswer['entries'] {
  const parts = said.split('\0')
  const entries: FileListAnswer['entries'] = []
  for (let index = 0; index + 2 < parts.length; index += 3) {
    const [facts = '', path = '', target = ''] = parts.slice(index, index + 3)
    const match = /^([fdlo]) ([0-7]{1,4}) (\d{1,15}) (\d{1,16})\d{3} \d+ \d+$/.exec(facts)
    if (!match) continue
    const [, type = 'o', mode = '', size = '', microseconds = ''] = match
    const modified = new Date(Math.min(Number(microseconds) / 1000, 8.64e15))
    entries.push({
      path,
      type: TYPES[type as keyof typeof TYPES],
      mode,
      size: Number(size),
      modified_at: modified.toISOString(),
      target: target === '' ? null : target,
    })
  }
  return entries.sort((one, other) => (one.path < other.path ? -1 : 1))
}

/** Waits for work on a file that prints nothing. */
async function done(process: SessionProcess): Promise<void> {
  process.stdout.resume()
  if (!process.stdin.writableEnded && !process.stdin.writable) process.stdin.end()
  await outcomeOf(process)
}

/** @throws Problem with what the sandbox says when the work failed */
async function outcomeOf(process: SessionProcess): Promise<void> {
  const words = atMost(process.stderr, MAX_WORDS_BYTES)
  const { exitCode, signal } = await process.exited
  if (exitCode !== 0) throw errnoProblem(exitCode, ((await words) ?? '').trim())
  if (signal !== 0) throw errnoProblem(5, 'It was ended')
}

/** What a stream says; null: more than it may, and it is closed. A sandbox may say anything, without end. */
async function atMost(stream: Readable, most: number): Promise<string | null> {
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of stream) {
      bytes += chunk.length
      if (bytes > most) return null
      chunks.push(chunk)
    }
  } catch {
    // The sandbox has ended; whoever waits for the process is told.
  }
  return Buffer.concat(chunks).toString('utf8')
}

function pathOf({ params }: FileRequest): string {
  const path = params['*'] ?? ''
  if (path.includes('\0')) throw invalid([{ pointer: '', detail: 'The path has a zero byte.' }])
  return path.startsWith('/') ? path : `${SESSION_HOME}/${path}`
}

/** How many folders deep a folder is listed; null: the content of a file is read. */
function depthOf({ params, query }: FileRequest): number | null {
  if (query.depth === undefined && params['*'] !== undefined) return null
  const depth = Number(query.depth)
  if (Number.isInteger(depth) && depth >= 1 && depth <= 64) return depth
  throw invalid([{ pointer: '', detail: 'depth must be a number from 1 to 64.' }])
}
