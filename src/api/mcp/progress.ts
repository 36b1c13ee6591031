import { StringDecoder } from 'node:string_decoder'
import type { ServerContext } from '@modelcontextprotocol/server'
import type { RunEvent } from '../../run/types.ts'
import type { CommandEvent } from '../../sessions/command.ts'
import { wellFormed } from './excerpt.ts'

/** Output is told at most this often, so that a program that prints much does not make as many messages. */
const GATHER_MS = 200
/** A client that waits longer than its own limit for a sign of life gives up; this is well below. */
const SILENT_MS = 5000
/** Of the output since the last message, the end is told. */
const MAX_TEXT = 2000

/** Returns what tells a client of a run while it goes on; null: it has not asked for that. */
export function progressOf(mcpReq: ServerContext['mcpReq']): OutputProgress | null {
  const token = mcpReq._meta?.progressToken
  if (token === undefined) return null
  return new OutputProgress((value, message) => {
    const params = { progressToken: token, progress: value, message }
    // The client may have gone.
    mcpReq.notify({ method: 'notifications/progress', params }).catch(() => {})
  })
}

/** Tells of a run while it goes on: what it prints, or that it still runs. */
export class OutputProgress {
  readonly #notify: (progress: number, message: string) => void
  readonly #decoders = { stdout: new StringDecoder(), stderr: new StringDecoder() }
  readonly #started = performance.now()
  readonly #heartbeat: NodeJS.Timeout
  #gathering: NodeJS.Timeout | null = null
  #text = ''
  #progress = 0

  /** @param notify gets a number that grows, in milliseconds, and the output that is new; must not throw */
  constructor(notify: (progress: number, message: string) => void) {
    this.#notify = notify
    this.#heartbeat = setInterval(() => this.#tell('The program runs.'), SILENT_MS).unref()
  }

  tell(event: RunEvent | CommandEvent): void {
    if (event.type !== 'stdout' && event.type !== 'stderr') return
    this.#text = (this.#text + this.#decoders[event.type].write(event.bytes)).slice(-MAX_TEXT)
    this.#gathering ??= setTimeout(() => this.#flush(), GATHER_MS).unref()
  }

  end(): void {
    clearInterval(this.#heartbeat)
    clearTimeout(this.#gathering ?? undefined)
  }

  #flush(): void {
    this.#gathering = null
    const text = wellFormed(this.#text)
    this.#text = ''
    this.#heartbeat.refresh()
    if (text !== '') this.#tell(text)
  }

  #tell(message: string): void {
    // It must grow with each message.
    this.#progress = Math.max(this.#progress + 1, Math.round(performance.now() - this.#started))
    this.#notify(this.#progress, message)
  }
}
