import { Readable, type Writable } from 'node:stream'
import type { Channel } from './channel.ts'
import {
  CONTROL,
  type ProcessEnd,
  type Program,
  STDERR,
  STDIN,
  STDOUT,
  TO,
} from './session-protocol.ts'

/** A process of a session. Its streams hold at most a window each; whoever does not read holds up it alone. */
export class SessionProcess {
  readonly pid: number
  readonly stdin: Writable
  readonly stdout: Readable
  /** Ends at once for a process with a terminal. */
  readonly stderr: Readable
  /** Null unless the program has control. */
  readonly control: { readonly input: Writable; readonly output: Readable } | null
  /** Rejects with SessionLostError when the sandbox ends before it. */
  readonly exited: Promise<ProcessEnd>
  readonly #channel: Channel

  constructor(channel: Channel, pid: number, program: Pick<Program, 'terminal' | 'hasControl'>) {
    this.#channel = channel
    this.pid = pid
    this.stdin = channel.sink(STDIN)
    this.stdout = channel.source(STDOUT)
    this.stderr = program.terminal ? Readable.from([]) : channel.source(STDERR)
    this.control = program.hasControl
      ? { input: channel.sink(CONTROL), output: channel.source(CONTROL) }
      : null
    this.exited = channel.exited
  }

  /** By which it is found again after a restart of the manager: see Channels.takeOver(). */
  get channel(): number {
    return this.#channel.number
  }

  /** Sends a signal to the process and its group; nothing happens once they have ended. */
  signal(number: number): void {
    this.#channel.send(TO.SIGNAL, Buffer.of(number))
  }

  /** Sets the size of its terminal. */
  resize(columns: number, rows: number): void {
    const size = Buffer.alloc(4)
    size.writeUInt16LE(columns, 0)
    size.writeUInt16LE(rows, 2)
    this.#channel.send(TO.RESIZE, size)
  }

  /** Kills its group and closes its streams. */
  release(): void {
    this.#channel.release()
  }
}
