import { StringDecoder } from 'node:string_decoder'

const GATHER_MS = 25
const MOST_CHARS = 64 * 1024
const STREAMS = ['stdout', 'stderr'] as const

type Stream = (typeof STREAMS)[number]

/**
 * Gathers output, so that a program that prints many small pieces makes few messages. Each stream keeps its
 * order; between the two it is kept up to GATHER_MS.
 */
export class GatheredOutput {
  readonly #tell: (name: Stream, text: string) => void
  readonly #decoders = { stdout: new StringDecoder(), stderr: new StringDecoder() }
  readonly #texts = { stdout: '', stderr: '' }
  #timer: NodeJS.Timeout | null = null

  constructor(tell: (name: Stream, text: string) => void) {
    this.#tell = tell
  }

  add(name: Stream, bytes: Buffer): void {
    this.#texts[name] += this.#decoders[name].write(bytes)
    if (this.#texts[name].length >= MOST_CHARS) this.flush()
    else this.#timer ??= setTimeout(() => this.flush(), GATHER_MS)
  }

  flush(): void {
    clearTimeout(this.#timer ?? undefined)
    this.#timer = null
    for (const name of STREAMS) {
      const text = this.#texts[name]
      this.#texts[name] = ''
      if (text !== '') this.#tell(name, text)
    }
  }

  /** Tells the rest, half a character too. */
  end(): void {
    for (const name of STREAMS) this.#texts[name] += this.#decoders[name].end()
    this.flush()
  }
}
