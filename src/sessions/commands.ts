import { randomBytes } from 'node:crypto'
import type { Channels } from '../supervisor/channels.ts'
import { ChannelError, EMFILE, type Program } from '../supervisor/session-protocol.ts'
import { type CommandState, KeptCommand, RING_BYTES, wordBytes } from './kept-command.ts'

/** Accounts for what is kept for callers. */
export interface OutputAccounts {
  /** @param evict called when another caller needs the room, after it was taken from this one */
  open(caller: string, evict: () => void): { add(bytes: number): boolean; release(): void }
}

/** A caller may not have more kept for it. */
export class NoRoomForOutput extends Error {}

/** What is kept of a command beside its program. */
export interface CommandNotes {
  readonly tag: string | null
  readonly env: Readonly<Record<string, string>>
  /** It is ended after so long; null: never. */
  readonly wallTimeMs: number | null
}

/** Commands of one session that run at once, and ended ones that are still told of. */
const MAX_RUNNING = 64
const MAX_ENDED = 32
const NO_NOTES: CommandNotes = { tag: null, env: {}, wallTimeMs: null }
/** How long an ended command is told of. */
const ENDED_MS = 60 * 60_000

/** The commands of one session that outlive the requests which start them. */
export class Commands {
  readonly #caller: string
  readonly #accounts: OutputAccounts | null
  readonly #commands = new Map<string, { command: KeptCommand; release: () => void }>()

  #starting = 0

  /** @param accounts null: nothing is counted */
  constructor(caller: string, accounts: OutputAccounts | null) {
    this.#caller = caller
    this.#accounts = accounts
  }

  /**
   * Takes over the commands that another manager wrote down.
   * @param channels of the same session, whose sandbox is not restored yet
   */
  load(states: readonly CommandState[], channels: Channels): void {
    for (const { record, output } of states) {
      const runs = record.end === null
      const process = runs ? channels.adopt(record.channel, record.pid, record.hasTerminal) : null
      const known = runs && !process ? ({ ...record, end: 'lost' } as const) : record
      this.#keep(known, (id) => new KeptCommand({ ...known, id }, process, output), record.id)
    }
  }

  /** What has to be written down so that another manager can go on. */
  state(): CommandState[] {
    return [...this.#commands.values()].map(({ command }) => command.state())
  }

  /**
   * Starts a command.
   * @throws ChannelError when the sandbox cannot start it, SessionLostError, NoRoomForOutput
   */
  async start(
    channels: Channels,
    program: Program,
    { tag, env, wallTimeMs }: CommandNotes = NO_NOTES,
  ): Promise<KeptCommand> {
    this.#forgetOld()
    const running = this.list().filter(({ isRunning }) => isRunning).length
    if (running + this.#starting >= MAX_RUNNING) throw new ChannelError(EMFILE)
    this.#starting++
    const process = await channels.start(program).finally(() => this.#starting--)
    const record = {
      argv: program.argv,
      cwd: program.cwd,
      hasTerminal: program.terminal !== undefined,
      pid: process.pid,
      channel: process.channel,
      startedAtMs: Date.now(),
      tag,
      env,
      deadlineAtMs: wallTimeMs === null ? null : Date.now() + wallTimeMs,
      endedAtMs: null,
      end: null,
      exitCode: null,
      signal: null,
    }
    const command = this.#keep(record, (id) => new KeptCommand({ ...record, id }, process))
    if (command) return command
    process.release()
    throw new NoRoomForOutput()
  }

  /** Oldest first. */
  list(): KeptCommand[] {
    this.#forgetOld()
    return [...this.#commands.values()].map(({ command }) => command)
  }

  get(id: string): KeptCommand | null {
    return this.#commands.get(id)?.command ?? null
  }

  /** Ends a command and forgets it. */
  remove(id: string): boolean {
    const kept = this.#commands.get(id)
    kept?.command.kill()
    kept?.release()
    return this.#commands.delete(id)
  }

  /** The session has ended. */
  close(): void {
    for (const { release } of this.#commands.values()) release()
    this.#commands.clear()
  }

  #keep(
    words: Parameters<typeof wordBytes>[0],
    make: (id: string) => KeptCommand,
    id = randomBytes(6).toString('hex'),
  ): KeptCommand | null {
    const account = this.#accounts?.open(this.#caller, () => this.get(id)?.shrink())
    if (account && !account.add(RING_BYTES + wordBytes(words))) {
      account.release()
      return null
    }
    const command = make(id)
    this.#commands.set(id, { command, release: () => account?.release() })
    return command
  }

  #forgetOld(): void {
    const ended = [...this.#commands.values()].filter(({ command }) => !command.isRunning)
    const since = Date.now() - ENDED_MS
    const excess = ended.length - MAX_ENDED
    for (const [index, { command, release }] of ended.entries()) {
      if (index >= excess && (command.record.endedAtMs ?? 0) > since) continue
      release()
      this.#commands.delete(command.record.id)
    }
  }
}
