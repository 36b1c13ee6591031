import { Readable, type Writable } from 'node:stream'
import type { Channels } from '../supervisor/channels.ts'
import type { SessionProcess } from '../supervisor/session-process.ts'
import { allIn, upTo } from './file-bytes.ts'
import { type DetailedEntry, detailedEntriesIn, entriesIn, type FileEntry } from './file-records.ts'
import { begunAs, type FileUser } from './file-user.ts'
import { SESSION_USER } from './user.ts'

/** Work on a file that the sandbox did not do. */
export class FileError extends Error {
  /** Of errno(3). */
  readonly errno: number

  /** @param said what the sandbox says of it, without a full stop */
  constructor(errno: number, said: string) {
    super(said || `errno ${errno}`)
    this.errno = errno
  }
}

export interface FileEvent {
  /**
   * `begun`: no change is missed from now on; `overflow`: some changes are not told of; `told`: all changes before
   * an ask() are.
   */
  readonly type:
    | 'begun'
    | 'created'
    | 'written'
    | 'attributes'
    | 'removed'
    | 'moved_away'
    | 'overflow'
    | 'told'
  /** From the folder that is watched; empty for `begun`, `overflow` and `told`. */
  readonly path: string
}

const [EIO, ENAMETOOLONG, EFBIG] = [5, 36, 27]
/** What a list may hold, in bytes of the sandbox's answer. */
const MAX_LIST_BYTES = 4 * 1024 * 1024
/** Of the line about what failed. */
const MAX_WORDS_BYTES = 200
/** Of the path of an event. */
const MAX_PATH_BYTES = 8192

/** A folder that is watched, until the events are read no more. */
export interface FolderWatch {
  readonly events: AsyncGenerator<FileEvent>
  /** Has an event `told` come after those of all changes until now. */
  ask(): void
}

/**
 * Files of a session, as its user may work on them: the kernel of the sandbox judges that. Each method ends its
 * work when the signal fires, and throws FileError, ChannelError or SessionLostError.
 */
export class SessionFiles {
  readonly #channels: Channels
  readonly #signal: AbortSignal
  readonly #user: FileUser

  constructor(channels: Channels, signal: AbortSignal, user: FileUser = SESSION_USER) {
    this.#channels = channels
    this.#signal = signal
    this.#user = user
  }

  async stat(path: string): Promise<FileEntry> {
    const [entry] = entriesIn(await this.#said(['stat', path]))
    if (!entry) throw new FileError(EIO, 'The entry cannot be told')
    return entry
  }

  /** The entries of a folder, so many folders deep, by path. */
  async list(path: string, depth: number): Promise<FileEntry[]> {
    const entries = entriesIn(await this.#said(['list', path, String(depth)]))
    return entries.sort((one, other) => (one.path < other.path ? -1 : 1))
  }

  /** As stat(), with where a link leads in the end and user attributes. */
  async detail(path: string): Promise<DetailedEntry> {
    const [entry] = detailedEntriesIn(await this.#said(['stat', path, 'detail']))
    if (!entry) throw new FileError(EIO, 'The entry cannot be told')
    return entry
  }

  /** As list(), with details, in no order. */
  async listDetails(path: string, depth: number): Promise<DetailedEntry[]> {
    return detailedEntriesIn(await this.#said(['list', path, String(depth), 'detail']))
  }

  /** Makes a folder and those above it. */
  async make(path: string): Promise<void> {
    await this.#said(['make', path])
  }

  /** Renames; makes the folders above. */
  async move(from: string, to: string): Promise<void> {
    await this.#said(['move', from, to])
  }

  /** Removes a file, or a folder with all that is in it. */
  async remove(path: string): Promise<void> {
    await this.#said(['remove', path])
  }

  /**
   * The content of a file, or some bytes of it: never more than were asked for. Resolves once it is known that it
   * can be read.
   */
  read(path: string, bytes?: { offset: number; length: number }): Promise<Readable> {
    if (!bytes) return this.#stream(['read', path])
    return this.#stream(['read', path, `${bytes.offset}`, `${bytes.length}`], bytes.length)
  }

  /** An archive (tar) of a folder. */
  pack(path: string): Promise<Readable> {
    return this.#stream(['pack', path])
  }

  /** Writes a file, which is there whole or not at all. @param fill sends its content, and ends it */
  write(path: string, fill: (input: Writable) => Promise<void>): Promise<void> {
    return this.#send(['write', path], fill)
  }

  /**
   * Writes a file in place, and makes these its user attributes. Of what breaks off a part may be there.
   * @param fill sends its content, and ends it
   */
  put(
    path: string,
    attributes: Readonly<Record<string, string>>,
    fill: (input: Writable) => Promise<void>,
  ): Promise<void> {
    return this.#send(['put', path, ...Object.entries(attributes).flat()], fill)
  }

  /** Writes the contents of files, in order, to one, and removes them. */
  async join(path: string, sources: readonly string[]): Promise<void> {
    await this.#said(['join', path, ...sources])
  }

  /** Unpacks an archive (tar) into a folder, which is made. @param fill sends the archive, and ends it */
  unpack(path: string, fill: (input: Writable) => Promise<void>): Promise<void> {
    return this.#send(['unpack', path], fill)
  }

  /** Yields the changes in a folder, so many folders deep, until the signal fires. */
  async *watch(path: string, depth: number): AsyncGenerator<FileEvent> {
    const { events } = await this.watchFolder(path, depth)
    yield* events
  }

  /** Watches a folder, so many folders deep. */
  async watchFolder(path: string, depth: number): Promise<FolderWatch> {
    const process = await this.#begin(['watch', path, String(depth)])
    return {
      events: eventsOf(process),
      ask: () => process.stdin.writableLength === 0 && process.stdin.write('\n'),
    }
  }

  async #begin(words: readonly string[]): Promise<SessionProcess> {
    const process = await begunAs(this.#channels, words, this.#user)
    const end = () => process.release()
    this.#signal.addEventListener('abort', end, { once: true })
    const unlisten = () => this.#signal.removeEventListener('abort', end)
    process.exited.then(unlisten, unlisten)
    if (this.#signal.aborted) end()
    return process
  }

  async #said(words: readonly string[]): Promise<string> {
    const process = await this.#begin(words)
    process.stdin.end()
    const outcome = outcomeOf(process).catch((error: Error) => error)
    const said = await atMost(process.stdout, MAX_LIST_BYTES)
    if (said === null) {
      process.release()
      throw new FileError(EFBIG, 'The folder has too many entries')
    }
    const failure = await outcome
    if (failure) throw failure
    return said
  }

  async #stream(words: readonly string[], most = Infinity): Promise<Readable> {
    const process = await this.#begin(words)
    process.stdin.end()
    const outcome = outcomeOf(process)
    outcome.catch(() => {})
    if (!(await firstOf(process.stdout))) await outcome
    return Readable.from(wholeOf(process, outcome, most), { objectMode: false })
  }

  async #send(words: readonly string[], fill: (input: Writable) => Promise<void>): Promise<void> {
    const process = await this.#begin(words)
    process.stdout.resume()
    const outcome = outcomeOf(process)
    let fault: Error | null = null
    // Nothing of an interrupted upload may stay.
    const filled = fill(process.stdin).catch((error) => {
      fault = error
      process.release()
      throw error
    })
    filled.catch(() => {})
    await outcome.catch(async (error) => {
      await (this.#signal.aborted ? filled : null)
      // Where the content broke off the sandbox only says that the work was ended.
      throw fault ?? error
    })
    await filled
  }
}

const EVENTS: Readonly<Record<string, FileEvent['type']>> = {
  s: 'begun',
  c: 'created',
  w: 'written',
  a: 'attributes',
  r: 'removed',
  m: 'moved_away',
  o: 'overflow',
  y: 'told',
}

async function* eventsOf(process: SessionProcess): AsyncGenerator<FileEvent> {
  const outcome = outcomeOf(process)
  outcome.catch(() => {})
  try {
    let kind: FileEvent['type'] | null = null
    for await (const part of partsOf(process.stdout)) {
      if (kind !== null) {
        yield { type: kind, path: part }
        kind = null
      } else {
        kind = EVENTS[part] ?? null
        if (kind === null) throw new FileError(EIO, 'The sandbox tells of no such event')
      }
    }
    await outcome
  } finally {
    process.release()
  }
}

/** Ends with an error where the work did, so that nobody takes a part for the whole. */
async function* wholeOf(
  process: SessionProcess,
  outcome: Promise<void>,
  most: number,
): AsyncGenerator<Buffer> {
  const tooMany = () => new FileError(EIO, 'The sandbox has sent more than was asked for')
  try {
    yield* upTo(process.stdout, most, tooMany)
    await outcome
  } finally {
    process.release()
  }
}

/** Whether the stream has something to read; false: it has ended without. */
function firstOf(stream: Readable): Promise<boolean> {
  return new Promise((resolve, reject) => {
    stream.once('readable', () => resolve(stream.readableLength > 0))
    stream.once('end', () => resolve(false))
    stream.once('error', reject)
  })
}

/** What stands between zero bytes. */
async function* partsOf(stream: Readable): AsyncGenerator<string> {
  let rest: Buffer = Buffer.alloc(0)
  for await (const chunk of stream) {
    rest = Buffer.concat([rest, chunk])
    for (let end = rest.indexOf(0); end >= 0; end = rest.indexOf(0)) {
      yield rest.toString('utf8', 0, end)
      rest = rest.subarray(end + 1)
    }
    if (rest.length > MAX_PATH_BYTES) throw new FileError(ENAMETOOLONG, 'A path is too long')
  }
}

/** @throws FileError with what the sandbox says when the work failed */
async function outcomeOf(process: SessionProcess): Promise<void> {
  const words = atMost(process.stderr, MAX_WORDS_BYTES)
  const { exitCode, signal } = await process.exited
  if (exitCode !== 0) throw new FileError(exitCode, ((await words) ?? '').trim())
  if (signal !== 0) throw new FileError(EIO, 'It was ended')
}

/** What a stream says; null: more than it may, and it is closed. A sandbox may say anything, without end. */
async function atMost(stream: Readable, most: number): Promise<string | null> {
  // Where the sandbox has ended, whoever waits for the process is told.
  const bytes = await allIn(stream, most).catch(() => Buffer.alloc(0))
  return bytes?.toString('utf8') ?? null
}
