import {
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import type { ChannelState } from '../supervisor/channel.ts'
import type { ContextRecord } from './context-types.ts'
import type { DiskAccounts } from './disk.ts'
import { type Sealing, sealNameOf } from './images.ts'
import type { CommandState } from './kept-command.ts'
import type { SessionRecord } from './types.ts'

/** A state of a session that is whole on disk. */
export interface Checkpoint {
  /** Which of the session's sandboxes it is of; see SessionRecord. */
  readonly incarnation: number
  readonly atMs: number
  /** On disk. */
  readonly bytes: number
  /** What its image is called in its seals; null: it is not encrypted. */
  readonly image: string | null
}

/** A session as it was at a checkpoint. */
export interface Copied {
  readonly record: SessionRecord
  readonly checkpoint: Checkpoint
}

/** What this side of the channels has to know beside an image, to go on with the sandbox that is restored from it. */
export interface KeptState {
  readonly channels: readonly ChannelState[]
  readonly commands: readonly CommandState[]
  readonly contexts: readonly ContextRecord[]
}

/** What is written down of a session. */
export interface Shelved {
  readonly record: SessionRecord
  /** Whether it has, or had, a sandbox in memory: what that did since the checkpoint is not on disk. */
  readonly isAwake: boolean
  readonly checkpoint: Checkpoint | null
}

/** Raise it when what is written down changes. */
const FORMAT = 3
const RECORD = 'session.json'
const IMAGE = 'image-'
/** In the folder of an image, beside runsc's files. */
const STATE = 'state.json'
const ID_PATTERN = /^[0-9A-Za-z_-]{1,64}$/

const recordName = (id: string) => `record:${id}`

/**
 * The sessions on disk, each in a folder with its name: its record, and the image of its last checkpoint. They hold
 * what callers had in memory: only the manager's user can read them. A record is replaced whole, so at any moment
 * it names an image that is whole.
 */
export class Shelf {
  readonly #folder: string
  readonly #isKept: boolean
  readonly #disk: DiskAccounts | null
  readonly sealing: Sealing | null

  /**
   * @param folder made with the first session
   * @param isKept whether a later manager looks there
   * @param disk counts what lies here; null: nothing is counted
   * @param sealing encrypts all that lies here; null: nothing is encrypted
   */
  constructor(
    folder: string,
    isKept: boolean,
    disk: DiskAccounts | null = null,
    sealing: Sealing | null = null,
  ) {
    this.sealing = sealing
    this.#folder = folder
    this.#isKept = isKept
    this.#disk = disk
  }

  /** Removes all sessions unless a later manager looks for them. */
  close(): void {
    if (!this.#isKept) rmSync(this.#folder, { recursive: true, force: true })
  }

  /** Another one, in a folder that is named after this one's. */
  beside(name: string): Shelf {
    const { dir, base } = path.parse(this.#folder)
    return new Shelf(path.join(dir, `${name}-of-${base}`), this.#isKept, this.#disk, this.sealing)
  }

  /** Puts a session here whose image is that of another one; nothing writes to an image, so both share it. */
  copy(from: Shelf, id: string, shelved: Shelved & Copied): void {
    const { record, checkpoint } = shelved
    const source = from.image(id, checkpoint.incarnation)
    const target = this.draft(record.id, checkpoint.incarnation)
    for (const name of readdirSync(source))
      linkSync(path.join(source, name), path.join(target, name))
    this.put(shelved)
  }

  /** Makes an empty folder for a new image, beside the one that the record names. */
  draft(id: string, incarnation: number): string {
    const image = this.image(id, incarnation)
    rmSync(image, { recursive: true, force: true })
    mkdirSync(image, { recursive: true, mode: 0o700 })
    return image
  }

  /** Removes an image that is not whole; what cannot be removed now is removed with the next record. */
  discard(id: string, incarnation: number): void {
    try {
      rmSync(this.image(id, incarnation), { recursive: true, force: true })
    } catch {
      // A disk that fails.
    }
  }

  /** The folder of an image. */
  image(id: string, incarnation: number): string {
    return path.join(this.#folderOf(id), `${IMAGE}${incarnation}`)
  }

  /** @param folder of the image, where it is not encrypted yet */
  writeState(folder: string, state: KeptState): void {
    writeFileSync(path.join(folder, STATE), JSON.stringify(state), { mode: 0o600 })
  }

  /** @throws Error when it cannot be read */
  readState(id: string, { incarnation, image }: Checkpoint): KeptState {
    const bytes = readFileSync(path.join(this.image(id, incarnation), STATE))
    const { sealing } = this
    const isPlain = !sealing || image === null
    const plain = isPlain ? bytes : sealing.seal.open(sealNameOf(image, STATE), bytes)
    return JSON.parse(plain.toString('utf8')) as KeptState
  }

  /** How much an image takes on disk. */
  bytesOf(image: string): number {
    const sizes = readdirSync(image).map((name) => statSync(path.join(image, name)).blocks * 512)
    return sizes.reduce((sum, size) => sum + size, 0)
  }

  /** Writes a session's record; of images that it does not name none is left. */
  put(shelved: Shelved): void {
    const { record, checkpoint } = shelved
    const folder = this.#folderOf(record.id)
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const file = path.join(folder, RECORD)
    const text = Buffer.from(JSON.stringify({ format: FORMAT, ...shelved }))
    const bytes = this.sealing?.seal.seal(recordName(record.id), text) ?? text
    writeFileSync(`${file}.new`, bytes, { mode: 0o600 })
    renameSync(`${file}.new`, file)
    this.#disk?.put(record.id, record.caller, checkpoint?.bytes ?? 0)
    for (const name of readdirSync(folder)) {
      const isOld = name.startsWith(IMAGE) && name !== `${IMAGE}${checkpoint?.incarnation}`
      if (isOld) rmSync(path.join(folder, name), { recursive: true, force: true })
    }
  }

  /** Removes a session. */
  remove(id: string): void {
    rmSync(this.#folderOf(id), { recursive: true, force: true })
    this.#disk?.delete(id)
  }

  /**
   * Returns all sessions on disk, and removes what cannot be read.
   * @returns how many of these there were, too
   */
  load(): { shelved: Shelved[]; unreadable: number } {
    const shelved: Shelved[] = []
    let unreadable = 0
    for (const id of this.#ids()) {
      const one = this.#read(id)
      if (one) {
        // A manager may have been killed while it wrote an image.
        this.put(one)
        shelved.push(one)
      } else {
        this.remove(id)
        unreadable++
      }
    }
    return { shelved, unreadable }
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
      const bytes = readFileSync(path.join(this.#folderOf(id), RECORD))
      const text = this.sealing?.seal.open(recordName(id), bytes) ?? bytes
      const { format, record, isAwake, checkpoint } = JSON.parse(
        text.toString('utf8'),
      ) as Shelved & {
        format?: number
      }
      return format === FORMAT ? { record, isAwake, checkpoint } : null
    } catch {
      return null
    }
  }

  #folderOf(id: string): string {
    return path.join(this.#folder, id)
  }
}
