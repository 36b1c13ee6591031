import { posix } from 'node:path'
import type { FolderWatch, SessionFiles } from '../../../sessions/files.ts'
import { entryInfo } from './entries.ts'

/** What is watched, and how. */
export interface Watched {
  /** Absolute. */
  readonly path: string
  readonly depth: number
  /** Whether events have the entry that they are about. */
  readonly withEntries: boolean
}

/** A change as E2B's `filesystem.proto` has it. */
export interface ChangeEvent {
  /** From the folder that is watched. */
  readonly name: string
  readonly type: (typeof TYPES)[keyof typeof TYPES]
  readonly entry?: object
}

const TYPES = {
  created: 'EVENT_TYPE_CREATE',
  written: 'EVENT_TYPE_WRITE',
  removed: 'EVENT_TYPE_REMOVE',
  moved_away: 'EVENT_TYPE_RENAME',
  attributes: 'EVENT_TYPE_CHMOD',
} as const
const HAVE_ENTRIES: readonly string[] = [
  'EVENT_TYPE_CREATE',
  'EVENT_TYPE_WRITE',
  'EVENT_TYPE_CHMOD',
]

/** The changes in a folder, in E2B's words. */
export class FolderEvents {
  readonly watched: Watched
  readonly #files: SessionFiles
  #watch: FolderWatch | null = null

  constructor(files: SessionFiles, watched: Watched) {
    this.#files = files
    this.watched = watched
  }

  /** Yields each change, `begun` before the first and `told` where that was asked for, until the signal of the files fires. */
  async *all(): AsyncGenerator<ChangeEvent | 'begun' | 'told'> {
    const { path, depth } = this.watched
    this.#watch = await this.#files.watchFolder(path, depth)
    for await (const { type, path: name } of this.#watch.events) {
      if (type === 'begun' || type === 'told') yield type
      // That some were left out has no word there.
      else if (type !== 'overflow') yield { name, type: TYPES[type as keyof typeof TYPES] }
    }
  }

  /** Has a `told` come after all changes until now. */
  ask(): void {
    this.#watch?.ask()
  }

  /** Returns an event with its entry, where that is there. */
  withEntry(event: ChangeEvent, files = this.#files): Promise<ChangeEvent> {
    return withEntry(event, this.watched, files)
  }
}

async function withEntry(
  event: ChangeEvent,
  { path }: Watched,
  files: SessionFiles,
): Promise<ChangeEvent> {
  if (!HAVE_ENTRIES.includes(event.type)) return event
  const at = posix.join(path, event.name)
  const entry = await files.detail(at).catch(() => null)
  return entry ? { ...event, entry: entryInfo(entry, at) } : event
}
