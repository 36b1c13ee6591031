import { Channels } from '../supervisor/channels.ts'
import { Commands } from './commands.ts'
import { Contexts } from './contexts.ts'
import type { KeptSandbox, SandboxUse } from './engine.ts'
import { History } from './history.ts'
import type { HostedSession, SessionHost } from './host.ts'
import { SessionLifecycle, type SessionState } from './lifecycle.ts'
import type { Checkpoint, KeptState, Shelved } from './shelf.ts'
import { infoOf, type SessionInfo, type SessionRecord } from './types.ts'

const LEFT = 'the service ended while it was in memory'

/** What a session is and has, and what is written down of it. session.ts adds how it changes. */
export abstract class SessionBase implements HostedSession {
  readonly record: SessionRecord
  readonly history = new History()
  readonly commands: Commands
  readonly contexts: Contexts
  /** When it will be dropped for want of disk; null: it will not. */
  dropsAtMs: number | null = null
  /** When it died (performance.now()); 0 while it is not dead. */
  endedAtMs = 0
  /** The last one on disk; null: it has none. */
  checkpoint: Checkpoint | null
  protected readonly host: SessionHost
  protected sandbox: KeptSandbox | null = null
  protected channels: Channels | null = null
  /** Why it is in its state. */
  protected why = ''
  readonly #lifecycle: SessionLifecycle

  /** @param found what an earlier manager wrote down; null: it is new and has no sandbox yet */
  constructor(
    record: SessionRecord,
    host: SessionHost,
    found: Shelved | null = null,
    commands = new Commands(record.caller, null),
    contexts = new Contexts(null),
  ) {
    this.record = record
    this.commands = commands
    this.contexts = contexts
    this.host = host
    this.checkpoint = found?.checkpoint ?? null
    this.#lifecycle = new SessionLifecycle(
      found === null ? 'creating' : found.isAwake ? 'lost' : 'hibernated',
    )
    if (this.state === 'lost') this.why = LEFT
    else if (found) this.revive()
    this.history.add(this.state, this.why || (found ? 'it was on disk' : 'asked for'))
  }

  get state(): SessionState {
    return this.#lifecycle.state
  }

  get isInMemory(): boolean {
    return this.sandbox !== null
  }

  info(): SessionInfo {
    const { dropsAtMs } = this
    return { ...infoOf(this.record, this.state, this.why, this.checkpoint), dropsAtMs }
  }

  shelved(isAwake = this.state !== 'hibernated'): Shelved {
    return { record: this.record, isAwake, checkpoint: this.checkpoint }
  }

  kept(): KeptState {
    return {
      channels: this.channels?.state() ?? [],
      commands: this.commands.state(),
      contexts: this.contexts.state(),
    }
  }

  /** What its sandbox has used and holds, and what it held before its first use. */
  usage(): SandboxUse & { readonly baseBytes: number } {
    const { baseBytes } = this.record
    const use = this.sandbox?.use() ?? { memoryBytes: 0, cpuTimeMs: 0 }
    return { ...use, baseBytes }
  }

  /** Takes its channels, commands and contexts as they were at its checkpoint. */
  protected revive(): void {
    const { channels, commands, contexts } = this.host.stateOf(this, this.checkpoint as Checkpoint)
    this.channels = Channels.asleep(channels)
    this.commands.close()
    this.commands.load(commands, this.channels)
    this.contexts.load(contexts)
  }

  protected enter(state: SessionState, why: string): void {
    this.#lifecycle.enter(state)
    this.why = why
    this.dropsAtMs = null
    this.history.add(state, why)
    this.host.changed(this, why)
  }
}
