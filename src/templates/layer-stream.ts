/**
 * Reads what the installing program in a sandbox hands over, and writes it to disk. It is hostile: the format can say
 * plain files and nothing else (no link, device, owner or mode), paths are checked, and everything is bounded.
 *
 * A stream of parts: u32 little-endian length of a head, the head as JSON, and of a `file` its content. `done` or
 * `failed` is the last one.
 */
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { ManagerError } from '../errors.ts'

const MAX_HEAD_BYTES = 1024 * 1024
const MAX_PATH_BYTES = 1024
const MAX_DEPTH = 40

const path = z
  .string()
  .min(1)
  .max(MAX_PATH_BYTES)
  .refine(isPlainPath, 'must be a relative path of plain names')
const head = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('file'),
    path,
    size: z.number().int().nonnegative(),
    executable: z.boolean(),
  }),
  z.strictObject({ kind: z.literal('progress'), text: z.string().max(1000) }),
  z.strictObject({ kind: z.literal('failed'), why: z.string().max(8000) }),
  z.strictObject({
    kind: z.literal('done'),
    libraries: z.record(z.string().max(200), z.string().max(200)),
    replaces: z.array(path).max(100_000),
  }),
])

/** The end of a stream. */
export type LayerEnd =
  | {
      readonly kind: 'done'
      /** Versions by name. */
      readonly libraries: Record<string, string>
      /** Paths in the runtime's library folder that the layer takes the place of. */
      readonly replaces: readonly string[]
    }
  | { readonly kind: 'failed'; readonly why: string }

export interface LayerBounds {
  readonly bytes: number
  readonly files: number
}

/** Takes a stream as it comes, and writes the files below a folder. */
export class LayerReader {
  readonly #folder: string
  readonly #bounds: LayerBounds
  readonly #onProgress: (text: string) => void
  #rest: Buffer = Buffer.alloc(0)
  #file: { fd: number; left: number } | null = null
  #end: LayerEnd | null = null
  #bytes = 0
  #files = 0

  /** @param folder an empty one of the caller's */
  constructor(folder: string, bounds: LayerBounds, onProgress: (text: string) => void) {
    this.#folder = folder
    this.#bounds = bounds
    this.#onProgress = onProgress
  }

  /** What ended it; null: the stream is not whole. */
  get end(): LayerEnd | null {
    return this.#end
  }

  get bytes(): number {
    return this.#bytes
  }

  /** @throws ManagerError BUILD_FAILED when the stream is not as it must be, or larger than its bounds */
  take(chunk: Buffer): void {
    let data = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk
    while (data.length > 0) {
      if (this.#end) throw refused('something came after the end')
      if (this.#file) {
        data = this.#takeContent(this.#file, data)
        continue
      }
      if (data.length < 4) break
      const length = data.readUInt32LE(0)
      if (length > MAX_HEAD_BYTES) throw refused('a head is too long')
      if (data.length < 4 + length) break
      this.#takeHead(data.subarray(4, 4 + length))
      data = data.subarray(4 + length)
    }
    // A copy: the piece that it is part of is freed.
    this.#rest = Buffer.from(data)
  }

  /** Closes what is open. Call it at the end of the stream, however that came. */
  close(): void {
    if (this.#file) closeSync(this.#file.fd)
    this.#file = null
  }

  #takeHead(json: Buffer): void {
    let parsed: z.infer<typeof head>
    try {
      parsed = head.parse(JSON.parse(json.toString('utf8')))
    } catch {
      throw refused('a head is not as it must be')
    }
    if (parsed.kind === 'progress') this.#onProgress(plainText(parsed.text, 200))
    else if (parsed.kind === 'file') this.#begin(parsed.path, parsed.size, parsed.executable)
    else if (parsed.kind === 'failed')
      this.#end = { kind: 'failed', why: plainText(parsed.why, 2000) }
    else this.#end = parsed
  }

  #begin(relative: string, size: number, executable: boolean): void {
    this.#bytes += size
    this.#files++
    if (this.#bytes > this.#bounds.bytes) {
      throw refused(`the libraries take more than ${Math.round(this.#bounds.bytes / 1e6)} MB`)
    }
    if (this.#files > this.#bounds.files) {
      throw refused(`the libraries have more than ${this.#bounds.files} files`)
    }
    const target = join(this.#folder, relative)
    try {
      mkdirSync(dirname(target), { recursive: true, mode: 0o755 })
      // A new file: nothing that is there already is written to, and no link is followed.
      this.#file = { fd: openSync(target, 'wx', executable ? 0o755 : 0o644), left: size }
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENOSPC') throw refused('the disk is full')
      throw refused(`a path cannot be written (${code})`)
    }
    if (size === 0) this.close()
  }

  #takeContent(file: { fd: number; left: number }, data: Buffer): Buffer {
    const part = data.subarray(0, file.left)
    for (let at = 0; at < part.length; ) at += writeSync(file.fd, part, at)
    file.left -= part.length
    if (file.left === 0) this.close()
    return data.subarray(part.length)
  }
}

/** Returns a text from a sandbox for a terminal or a log: one line, without control characters. */
export function plainText(text: string, length: number): string {
  const plain = text
    .replace(/\p{C}+/gu, ' ')
    .replace(/ {2,}/g, ' ')
    .trim()
  return plain.length > length ? `${plain.slice(0, length)} …` : plain
}

function isPlainPath(text: string): boolean {
  const parts = text.split('/')
  const isPlain = (part: string) =>
    part !== '' && part !== '.' && part !== '..' && !/[\p{Cc}\\]/u.test(part) && part.length <= 255
  return parts.length <= MAX_DEPTH && parts.every(isPlain)
}

function refused(why: string): ManagerError {
  return new ManagerError('BUILD_FAILED', `What the sandbox handed over is refused: ${why}.`)
}
