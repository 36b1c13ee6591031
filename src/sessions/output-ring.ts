/** A piece of what a command has written. */
export interface OutputPiece {
  /** How many bytes it wrote before this piece, on both streams together. */
  readonly offset: number
  readonly stream: 'stdout' | 'stderr'
  readonly bytes: Buffer
}

/** A ring as it is written down. */
export interface RingState {
  readonly next: number
  readonly pieces: readonly (readonly [stream: 'stdout' | 'stderr', base64: string])[]
}

interface Block {
  readonly offset: number
  readonly stream: OutputPiece['stream']
  bytes: Buffer
  length: number
}

const BLOCK_BYTES = 16 * 1024
/** What a block takes beside its bytes. */
const OVERHEAD_BYTES = 256

/** The latest bytes that a command wrote, on both streams in order, within a bound. */
export class OutputRing {
  readonly #most: number
  readonly #blocks: Block[] = []
  #held = 0
  #next = 0

  /** @param most bytes that it may take, its own overhead included */
  constructor(most: number) {
    this.#most = most
  }

  /** A ring as it was written down, within the bound of this one. */
  static of(most: number, { next, pieces }: RingState): OutputRing {
    const ring = new OutputRing(most)
    const buffers = pieces.map(
      ([stream, base64]) => [stream, Buffer.from(base64, 'base64')] as const,
    )
    ring.#next = next - buffers.reduce((sum, [, bytes]) => sum + bytes.length, 0)
    for (const [stream, bytes] of buffers) ring.add(stream, bytes)
    return ring
  }

  /** Offset of the oldest byte that is still there. */
  get first(): number {
    return this.#blocks[0]?.offset ?? this.#next
  }

  /** Offset of the byte that comes next: how much was written in all. */
  get next(): number {
    return this.#next
  }

  add(stream: OutputPiece['stream'], bytes: Buffer): void {
    let rest = bytes
    while (rest.length > 0) rest = rest.subarray(this.#append(stream, rest))
    while (this.#held > this.#most && this.#blocks.length > 1) this.#drop()
  }

  /** The next piece from an offset on; null: nothing more is there now. What was dropped is left out. */
  read(offset: number): OutputPiece | null {
    const from = Math.max(offset, this.first)
    const block = this.#blockAt(from)
    if (!block) return null
    const start = from - block.offset
    // A copy: the block may grow and go.
    const bytes = Buffer.from(block.bytes.subarray(start, block.length))
    return { offset: from, stream: block.stream, bytes }
  }

  /** Drops what it holds. */
  clear(): void {
    this.#blocks.length = 0
    this.#held = 0
  }

  state(): RingState {
    return {
      next: this.#next,
      pieces: this.#blocks.map(({ stream, bytes, length }) => [
        stream,
        bytes.toString('base64', 0, length),
      ]),
    }
  }

  /** @returns how many of the bytes were taken */
  #append(stream: OutputPiece['stream'], bytes: Buffer): number {
    let last = this.#blocks.at(-1)
    if (last?.stream !== stream || last.length === BLOCK_BYTES) {
      last = { offset: this.#next, stream, bytes: Buffer.alloc(0), length: 0 }
      this.#blocks.push(last)
      this.#held += OVERHEAD_BYTES
    }
    const count = Math.min(bytes.length, BLOCK_BYTES - last.length)
    if (last.length + count > last.bytes.length) this.#grow(last, last.length + count)
    last.bytes.set(bytes.subarray(0, count), last.length)
    last.length += count
    this.#next += count
    return count
  }

  #grow(block: Block, least: number): void {
    const size = Math.min(BLOCK_BYTES, Math.max(256, 2 * block.bytes.length, least))
    const grown = Buffer.alloc(size)
    grown.set(block.bytes)
    this.#held += size - block.bytes.length
    block.bytes = grown
  }

  #drop(): void {
    const block = this.#blocks.shift()
    if (block) this.#held -= OVERHEAD_BYTES + block.bytes.length
  }

  #blockAt(offset: number): Block | undefined {
    let [low, high] = [0, this.#blocks.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      const block = this.#blocks[middle] as Block
      if (block.offset + block.length <= offset) low = middle + 1
      else high = middle
    }
    return this.#blocks[low]
  }
}
