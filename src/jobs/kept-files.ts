import type { FileInfo } from './file-rows.ts'
import type { RunInfo } from './run-rows.ts'
import type { StoreThread } from './thread.ts'

export type { FileInfo } from './file-rows.ts'

/** A file that was found, with its content. */
export interface FoundFile extends FileInfo {
  /** The content in pieces of at most 768 KiB, each read from the disk when it is asked for. */
  read(): AsyncGenerator<Buffer>
}

/**
 * Keeps files for callers over restarts, in folders of names that a front door chooses. They are on their
 * owner's account in the store until they are removed or expire.
 */
export class KeptFiles {
  readonly #thread: StoreThread
  readonly #prefix: string

  /** @param prefix of all folders, so that those of others are out of reach: a front door's name */
  constructor(thread: StoreThread, prefix: string) {
    this.#thread = thread
    this.#prefix = `${prefix}:`
  }

  /**
   * Keeps a file, in place of one of the same owner, folder and name.
   * @param content whole, or in pieces; it is copied
   * @param keepMs how long
   * @throws ManagerError HELD_TOO_MUCH: 429 for the caller; STORE_FAILED: the disk is full or fails, 507
   */
  put(
    owner: string,
    folder: string,
    name: string,
    content: Uint8Array | readonly Uint8Array[],
    { mediaType = null, keepMs }: { mediaType?: string | null; keepMs: number },
  ): Promise<FileInfo> {
    const pieces = content instanceof Uint8Array ? [content] : content
    const expiresMs = Date.now() + keepMs
    const file = { name, mediaType, content: pieces, expiresMs }
    return this.#thread.ask('putFile', owner, this.#prefix + folder, file)
  }

  /** @returns null if the file does not exist, has expired or belongs to another owner */
  async get(owner: string, folder: string, name: string): Promise<FoundFile | null> {
    const found = await this.#thread.ask('findFile', owner, this.#prefix + folder, name)
    if (!found) return null
    const { id, ...info } = found
    return { ...info, read: () => this.#read(id, info.size) }
  }

  /** The files of a folder, the oldest first. */
  list(owner: string, folder: string): Promise<FileInfo[]> {
    return this.#thread.ask('listFiles', owner, this.#prefix + folder)
  }

  /**
   * A page of an owner's accepted runs that have a file of this name in a folder with the run's id, the youngest first.
   * @param offset how many come before
   * @returns them, and how many there are in all
   */
  runsWith(
    owner: string,
    name: string,
    offset: number,
    most: number,
  ): Promise<{ runs: RunInfo[]; total: number }> {
    return this.#thread.ask('listRunsWith', owner, this.#prefix, name, offset, most)
  }

  /** @returns whether it was there */
  remove(owner: string, folder: string, name: string): Promise<boolean> {
    return this.#thread.ask('removeFile', owner, this.#prefix + folder, name)
  }

  async *#read(id: number, size: number): AsyncGenerator<Buffer> {
    let sent = 0
    for (let number = 0; sent < size; number++) {
      const chunk = await this.#thread.ask('chunk', id, number)
      // It was removed meanwhile: a part must not pass for the whole.
      if (!chunk) throw new Error('the file is gone')
      sent += chunk.length
      yield Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)
    }
  }
}
