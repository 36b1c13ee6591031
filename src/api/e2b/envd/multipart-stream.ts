import { Refused } from '../../refused.ts'
import { type Part, readHeaders } from '../../v1/multipart.ts'

/** One part of a form that is read as it comes. */
export interface StreamedPart extends Omit<Part, 'content'> {
  /** What is not read of it is dropped when the next part is asked for. */
  readonly content: AsyncGenerator<Buffer>
}

const MAX_PARTS = 1024
const MAX_HEADER_BYTES = 8 * 1024
const MAX_PADDING_BYTES = 64
const LINE_END = Buffer.from('\r\n')
const HEADERS_END = Buffer.from('\r\n\r\n')
const LAST = Buffer.from('--')

/**
 * Yields the parts of a form (RFC 7578) as they come; of none more is held than what one read of the source brought.
 * @throws Refused 400 for what is no form
 */
export async function* partsIn(
  source: AsyncIterable<Buffer>,
  boundary: string,
): AsyncGenerator<StreamedPart> {
  const reader = new PartReader(source, boundary)
  // What stands before the first boundary means nothing.
  for await (const _ of reader.content());
  for (let count = 0; await reader.hasNext(); count++) {
    if (count === MAX_PARTS) throw wrong(`The form has more than ${MAX_PARTS} parts.`)
    const read = readHeaders(await reader.headers())
    if ('wrong' in read) throw wrong(read.wrong)
    const content = reader.content()
    yield { ...read, content }
    for await (const _ of content);
  }
}

function wrong(why: string): Refused {
  return new Refused(400, `error parsing multipart form: ${why}`)
}

class PartReader {
  readonly #source: AsyncIterator<Buffer>
  readonly #delimiter: Buffer
  /** What has come and is not given out. The first boundary may stand at the very beginning. */
  #bytes: Buffer = LINE_END

  constructor(source: AsyncIterable<Buffer>, boundary: string) {
    this.#source = source[Symbol.asyncIterator]()
    this.#delimiter = Buffer.from(`\r\n--${boundary}`)
  }

  /** Yields what stands before the next boundary. */
  async *content(): AsyncGenerator<Buffer> {
    for (;;) {
      const at = this.#bytes.indexOf(this.#delimiter)
      if (at >= 0) {
        const last = this.#take(at)
        this.#take(this.#delimiter.length)
        if (last.length > 0) yield last
        return
      }
      // The end of what has come may be the beginning of a boundary.
      const safe = this.#bytes.length - this.#delimiter.length + 1
      if (safe > 0) yield this.#take(safe)
      await this.#more('The body ends before its last boundary.')
    }
  }

  /** Whether a part begins after the boundary that was read. */
  async hasNext(): Promise<boolean> {
    await this.#atLeast(LAST.length)
    if (this.#bytes.subarray(0, LAST.length).equals(LAST)) return false
    await this.#until(LINE_END, MAX_PADDING_BYTES, 'A line of the boundary has no end.')
    return true
  }

  /** Reads the headers of a part. */
  headers(): Promise<string> {
    // A part without headers has the empty line at once.
    this.#bytes = Buffer.concat([LINE_END, this.#bytes])
    const why = 'A part has no headers, or more than 8 KiB of them.'
    return this.#until(HEADERS_END, MAX_HEADER_BYTES, why)
  }

  async #until(end: Buffer, most: number, why: string): Promise<string> {
    for (;;) {
      const at = this.#bytes.indexOf(end)
      if (at > most || (at < 0 && this.#bytes.length > most + end.length)) throw wrong(why)
      if (at >= 0) {
        const text = this.#take(at).toString('utf8')
        this.#take(end.length)
        return text
      }
      await this.#more('The body ends before its last boundary.')
    }
  }

  async #atLeast(bytes: number): Promise<void> {
    while (this.#bytes.length < bytes) await this.#more('The body ends before its last boundary.')
  }

  async #more(why: string): Promise<void> {
    const { done, value } = await this.#source.next()
    if (done) throw wrong(why)
    this.#bytes = this.#bytes.length === 0 ? value : Buffer.concat([this.#bytes, value])
  }

  #take(bytes: number): Buffer {
    const taken = this.#bytes.subarray(0, bytes)
    this.#bytes = this.#bytes.subarray(bytes)
    return taken
  }
}
