import type { IncomingMessage } from 'node:http'
import type { Budget, Entry } from './accounts.ts'
import { type ContentEncoding, DECODER_BYTES, Decoders, encodingOf } from './content-encoding.ts'
import { Refused } from './refused.ts'
import { giveLeave } from './server.ts'
import { readByTurns, type SlowLane } from './slow-lane.ts'
import { Watch } from './watch.ts'

const SMALLEST_BLOCK_BYTES = 4 * 1024
const LARGEST_BLOCK_BYTES = 256 * 1024

/** The body of a request. Its bytes are on its caller's account until `entry` is released. */
export interface Body {
  readonly bytes: number
  /** Returns the bytes in pieces. May be called once: the caller owns them then. */
  takeBlocks(): Buffer[]
  readonly entry: Entry
  /** Whether another caller, who holds less, needed the room. */
  evicted: boolean
  /** Called when that happens. */
  onEvicted: () => void
}

/**
 * Collects bodies. It copies the bytes into blocks that grow with the body, so the memory is at most twice the bytes
 * received, however small the pieces are. A block is on its caller's account before it is allocated.
 */
export class Uploads {
  readonly #maxBodyBytes: number
  readonly #budget: Budget
  readonly #lane: SlowLane
  readonly #watch = new Watch()
  readonly #decoders = new Decoders()

  constructor(maxBodyBytes: number, budget: Budget, lane: SlowLane) {
    this.#maxBodyBytes = maxBodyBytes
    this.#budget = budget
    this.#lane = lane
  }

  /**
   * Reads the body of a request, decoded where it came compressed.
   * @param done called with the body; with a Refused when the body is too large, comes too slowly, cannot be decoded, or
   *   does not fit into a budget; or with an UnknownEncoding. After a failure nothing of the body is kept
   */
  read(
    request: IncomingMessage,
    caller: string,
    done: (error: Error | null, body?: Body) => void,
  ): void {
    const declared = Number(request.headers['content-length'] ?? Number.NaN)
    if (declared > this.#maxBodyBytes) return void done(this.#tooLarge())
    let encoding: ContentEncoding | null
    try {
      encoding = encodingOf(request.headers['content-encoding'])
    } catch (error) {
      return void done(error as Error)
    }
    giveLeave(request)
    const entry = this.#budget.open(caller, () => {
      upload.evicted = true
      upload.onEvicted()
    })
    let upload = newUpload(entry, () => end(overBudget()))
    let isOver = false
    const end = (error: Error | null) => {
      if (isOver) return
      isOver = true
      unwatch()
      request.off('end', onEnd)
      request.off('close', onClose)
      if (error === null) return void done(null, completed(upload))
      upload.entry.release()
      done(error)
    }
    const unwatch = this.#watch.add({ moved: () => upload.bytes, slow: () => end(tooSlow()) })
    const decode = async (named: ContentEncoding) => {
      const compressed = completed(upload)
      request.off('close', onClose)
      // What comes out is on the account beside what came in.
      upload = newUpload(entry, compressed.onEvicted)
      unwatch()
      let refused = entry.add(DECODER_BYTES) ? null : overBudget()
      const keep = (chunk: Buffer) => {
        if (!isOver) refused = this.#keep(upload, chunk, Number.NaN)
        return !isOver && refused === null
      }
      if (refused === null) {
        const fault = await this.#decoders.decode(named, compressed.takeBlocks(), keep)
        refused ??= fault
      }
      end(refused)
    }
    const onEnd = () => {
      if (encoding === null) end(null)
      else void decode(encoding)
    }
    const onClose = () => end(new Refused(400, 'The request broke off.'))
    request.on('end', onEnd)
    request.on('close', onClose)
    readByTurns(request, this.#lane, false, (chunk) => {
      if (isOver) return false
      const refused = this.#keep(upload, chunk, declared)
      if (refused) end(refused)
      return refused === null
    })
  }

  #keep(upload: Upload, chunk: Buffer, declared: number): Refused | null {
    const most = Number.isNaN(declared) ? this.#maxBodyBytes : declared
    if (upload.bytes + chunk.length > most) return this.#tooLarge()
    let at = 0
    while (at < chunk.length) {
      let block = upload.blocks.at(-1)
      if (!block || upload.used === block.length) {
        const growth = Math.min(Math.max(upload.bytes, SMALLEST_BLOCK_BYTES), LARGEST_BLOCK_BYTES)
        const size = Math.min(Math.max(chunk.length - at, growth), most - upload.bytes)
        if (!upload.entry.add(size)) return overBudget()
        block = Buffer.allocUnsafeSlow(size)
        upload.blocks.push(block)
        upload.used = 0
      }
      const copied = chunk.copy(block, upload.used, at)
      upload.used += copied
      upload.bytes += copied
      at += copied
    }
    return null
  }

  #tooLarge(): Refused {
    const most = this.#maxBodyBytes / 1024 ** 2
    return new Refused(413, `The request body is larger than ${most} MiB.`)
  }
}

interface Upload extends Body {
  readonly blocks: Buffer[]
  bytes: number
  /** Bytes of the last block that are filled. */
  used: number
}

function newUpload(entry: Entry, onEvicted: () => void): Upload {
  const upload: Upload = {
    blocks: [],
    used: 0,
    bytes: 0,
    takeBlocks: () => upload.blocks.splice(0),
    evicted: false,
    onEvicted,
    entry,
  }
  return upload
}

function completed(upload: Upload): Body {
  const last = upload.blocks.pop()
  if (last) upload.blocks.push(last.subarray(0, upload.used))
  return upload
}

/** Returns the refusal of a body for which the budgets have no room. */
export function overBudget(): Refused {
  return new Refused(
    429,
    'The request bodies that the service holds for you, or for all callers, are too large together.',
    1,
  )
}

function tooSlow(): Refused {
  return new Refused(408, 'The request body came too slowly.')
}
