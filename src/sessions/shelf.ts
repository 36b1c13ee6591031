import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { ChannelState } from '../supervisor/channel.ts'
import type { CommandState } from './kept-command.ts'
import type { SessionRecord } from './types.ts'

/** A session on disk. */
export interface Shelved {
  readonly record: SessionRecord
  readonly channels: readonly ChannelState[]
  readonly commands: readonly CommandState[]
}

const RECORD = 'session.json'
const IMAGE = 'image'
const ID_PATTERN = /^[0-9A-Za-z_-]{1,64}$/

/**
 * The sessions on disk, each in a folder of its own with its name. They hold what callers had in memory:
 * only the manager's user can read them. A session is there whole, with its record, or not at all.
 */
export class Shelf {
  readonly #folder: string
  readonly #isKept: boolean

  /**
   * @param folder made with the first session
   * @param isKept whether a later manager looks there
   */
  constructor(folder: string, isKept: boolean) {
    this.#folder = folder
    this.#isKept = isKept
  }

  /** Removes all sessions unless a later manager looks for them. */
  close(): void {
    if (!this.#isKept) rmSync(this.#folder, { recursive: true, force: true })
  }

  /** Makes an empty folder for the checkpoint of a session; of a former one nothing is left. */
  prepare(id: string): string {
    const image = this.image(id)
    this.remove(id)
    mkdirSync(image, { recursive: true, mode: 0o700 })
    return image
  }

  /** The folder that a session's checkpoint is in. */
  image(id: string): string {
    return path.join(this.#folderOf(id), IMAGE)
  }

  /** Writes a session's record, with which it is there. */
  commit({ record, channels, commands }: Shelved): void {
    const file = path.join(this.#folderOf(record.id), RECORD)
    writeFileSync(`${file}.new`, JSON.stringify({ record, channels, commands }), { mode: 0o600 })
    renameSync(`${file}.new`, file)
  }

  /** Removes a session. */
  remove(id: string): void {
    rmSync(this.#folderOf(id), { recursive: true, force: true })
  }

  /** Returns all sessions on disk, and removes what is there of others. */
  load(): Shelved[] {
    const shelved: Shelved[] = []
    for (const id of this.#ids()) {
      const one = this.#read(id)
      if (one) shelved.push(one)
      else this.remove(id)
    }
    return shelved
  }

  #ids(): string[] {
    try {
      return readdirSync(this.#folder).filter((name) => ID_PATTERN.test(name))
    } catch {
      return []
    }
  }

  #read(id: string): Shelved | null {
    try {
      return JSON.parse(readFileSync(path.join(this.#folderOf(id), RECORD), 'utf8')) as Shelved
    } catch {
      return null
    }
  }

  #folderOf(id: string): string {
    return path.join(this.#folder, id)
  }
}
