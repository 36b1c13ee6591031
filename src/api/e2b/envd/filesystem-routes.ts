import { posix } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { SessionFiles } from '../../../sessions/files.ts'
import type { E2bContext } from '../context.ts'
import { addMethod, addStreamMethod, type Call } from './calls.ts'
import { ConnectError } from './connect/errors.ts'
import { message, uint32 } from './connect/messages.ts'
import { byWalk, entryInfo } from './entries.ts'
import { ENOENT, ENOTDIR, errnoOf, rpcFailure } from './failures.ts'
import { absolute, type SandboxUser, userOf } from './users.ts'
import { FolderEvents, type Watched } from './watch-events.ts'
import { Watchers } from './watchers.ts'

const SERVICE = '/filesystem.Filesystem'
/** Folders below, as many as a sandbox is asked for. */
const MOST_DEPTH = 64
const path = z.string().default('')
const placed = message({ path })
const listed = message({ path, depth: uint32.default(1) })
const moved = message({ source: path, destination: path })
const watched = message({
  path,
  recursive: z.boolean().default(false),
  includeEntry: z.boolean().default(false),
})
const known = message({ watcherId: z.string() })

/** A call that works on files. */
interface Place {
  readonly files: SessionFiles
  readonly user: SandboxUser
  at(path: string): string
}

/** Adds E2B's service filesystem.Filesystem: folders of a sandbox, and what changes in them. */
export function addFilesystemRoutes(app: FastifyInstance, context: E2bContext): void {
  const watchers = new Watchers(context.frames)
  app.addHook('preClose', async () => watchers.close())
  const add = <T extends z.ZodType<{ path: string }>>(
    name: string,
    schema: T,
    work: (place: Place, asked: z.infer<T>, path: string) => Promise<object>,
  ) =>
    addMethod(app, context, `${SERVICE}/${name}`, schema, async (call) => {
      const place = placeOf(call)
      const asked = call.asked as z.infer<T>
      return told(call, place.at(asked.path), (path) => work(place, asked, path))
    })

  add('Stat', placed, async ({ files }, _asked, path) => ({ entry: await entryAt(files, path) }))
  add('ListDir', listed, async ({ files }, { depth }, path) => {
    const entries = await files.listDetails(path, Math.min(depth || 1, MOST_DEPTH))
    entries.sort((one, other) => byWalk(one.path, other.path))
    return { entries: entries.map((entry) => entryInfo(entry, posix.join(path, entry.path))) }
  })
  add('MakeDir', placed, async ({ files }, _asked, path) => {
    const there = await files.stat(path).catch(() => null)
    if (there?.type === 'folder') {
      throw new ConnectError('already_exists', `directory already exists: ${path}`)
    }
    if (there?.type === 'file') {
      throw new ConnectError(
        'invalid_argument',
        `path already exists but it is not a directory: ${path}`,
      )
    }
    await files.make(path)
    return { entry: await entryAt(files, path) }
  })
  add('Remove', placed, async ({ files }, _asked, path) => {
    await files.remove(path).catch((error) => {
      if (errnoOf(error) !== ENOENT) throw error
    })
    return {}
  })
  addMethod(app, context, `${SERVICE}/Move`, moved, async (call) => {
    const { files, at } = placeOf(call)
    const [from, to] = [at(call.asked.source), at(call.asked.destination)]
    return told(call, from, async () => {
      await files.move(from, to)
      return { entry: await entryAt(files, to) }
    })
  })

  addStreamMethod(app, context, `${SERVICE}/WatchDir`, watched, async (call, stream) => {
    const { asked, signal } = call
    const { files, at } = placeOf(call)
    const what = watchedBy(asked, at(asked.path))
    await told(call, what.path, async () => {
      const events = new FolderEvents(files, what)
      for await (const event of events.all()) {
        if (event === 'begun') {
          await stream.send({ start: {} })
          stream.keepAlive({ keepalive: {} })
        } else if (event !== 'told') {
          await stream.send({
            filesystem: what.withEntries ? await events.withEntry(event) : event,
          })
        }
      }
    }).catch((error) => {
      // Whoever ends the call ends what is read of the folder.
      if (!signal.aborted) throw error
    })
  })
  addMethod(app, context, `${SERVICE}/CreateWatcher`, watched, async (call) => {
    const { asked, sandbox, use } = call
    const { at, user } = placeOf(call)
    const what = watchedBy(asked, at(asked.path))
    const open = (signal: AbortSignal) =>
      new FolderEvents(new SessionFiles(use.channels, signal, user.files), what)
    return told(call, what.path, async () => ({ watcherId: await watchers.add(sandbox, open) }))
  })
  addMethod(app, context, `${SERVICE}/GetWatcherEvents`, known, async (call) => {
    const { files } = placeOf(call)
    return { events: await watchers.take(call.sandbox, call.asked.watcherId, files) }
  })
  addMethod(app, context, `${SERVICE}/RemoveWatcher`, known, async ({ sandbox, asked }) => {
    watchers.remove(sandbox, asked.watcherId)
    return {}
  })
}

function placeOf({ request, use, signal }: Call<unknown>): Place {
  const user = userOf(request)
  const files = new SessionFiles(use.channels, AbortSignal.any([signal, use.ended]), user.files)
  return { files, user, at: (path) => absolute(path, user) }
}

async function entryAt(files: SessionFiles, path: string): Promise<object> {
  return entryInfo(await files.detail(path), path)
}

function watchedBy({ recursive, includeEntry }: z.infer<typeof watched>, path: string): Watched {
  return { path, depth: recursive ? MOST_DEPTH : 1, withEntries: includeEntry }
}

/** Does something to a path; what fails is told in the words of E2B. */
async function told<T>(
  { sandbox }: Call<unknown>,
  path: string,
  work: (path: string) => Promise<T>,
): Promise<T> {
  try {
    return await work(path)
  } catch (error) {
    if (errnoOf(error) === ENOTDIR) {
      throw new ConnectError('invalid_argument', `path is not a directory: ${path}`)
    }
    throw rpcFailure(error, path, sandbox.sandboxId)
  }
}
