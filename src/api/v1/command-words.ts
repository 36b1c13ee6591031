import { StringDecoder } from 'node:string_decoder'
import type { CommandEvent } from '../../sessions/command.ts'

/** A command's events in the words of the wire. No character is broken across two of them. */
export class CommandWords {
  readonly #send: (event: string, data: string) => void
  readonly #decoders = { stdout: new StringDecoder(), stderr: new StringDecoder() }

  constructor(send: (event: string, data: string) => void) {
    this.#send = send
  }

  tell(event: CommandEvent): void {
    if (event.type === 'started') this.#send('started', JSON.stringify({ pid: event.pid }))
    else this.#text(event.type, this.#decoders[event.type].write(event.bytes))
  }

  end(): void {
    for (const name of ['stdout', 'stderr'] as const) this.#text(name, this.#decoders[name].end())
  }

  /** @param next offset of the byte after these */
  text(name: 'stdout' | 'stderr', bytes: Buffer, next: number): void {
    const text = this.#decoders[name].write(bytes)
    if (text !== '') this.#send(name, JSON.stringify({ text, next_offset: next }))
  }

  /** @param bytes that are not there any more, before the offset */
  dropped(offset: number, bytes: number): void {
    this.#send('dropped', JSON.stringify({ bytes, next_offset: offset }))
  }

  #text(name: 'stdout' | 'stderr', text: string): void {
    if (text !== '') this.#send(name, JSON.stringify({ text }))
  }
}
