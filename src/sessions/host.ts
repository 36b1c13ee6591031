import type { Channels } from '../supervisor/channels.ts'
import type { KeptSandbox } from './engine.ts'
import type { Checkpoint, KeptState, Shelved } from './shelf.ts'
import type { SessionInfo, SessionRecord } from './types.ts'

/** A session as its host sees it. */
export interface HostedSession {
  readonly record: SessionRecord
  info(): SessionInfo
  /** What has to be written down of it now. */
  shelved(isAwake?: boolean): Shelved
  /** What this side has to know of it beside an image. */
  kept(): KeptState
}

/** What a session needs of those around it. */
export interface SessionHost {
  /** Makes its first sandbox. */
  create(session: HostedSession): Promise<KeptSandbox>
  /** Takes a place in memory for it, and restores its sandbox from its checkpoint. */
  restore(session: HostedSession, checkpoint: Checkpoint, channels: Channels): Promise<KeptSandbox>
  /** Writes the sandbox's state to disk, beside the last checkpoint. The sandbox has its place still. */
  checkpoint(session: HostedSession, sandbox: KeptSandbox): Promise<Checkpoint>
  /** What kept() said when the checkpoint was made. @throws Error when it cannot be read */
  stateOf(session: HostedSession, checkpoint: Checkpoint): KeptState
  /** Destroys a sandbox, and gives its place back. May be called again. */
  release(sandbox: KeptSandbox): Promise<void>
  /** Writes down what shelved() says. */
  put(session: HostedSession, isAwake: boolean): void
  /** Removes all that is on disk of it. */
  forget(session: HostedSession): Promise<void>
  /** Told of each state that it enters; must not throw. */
  changed(session: HostedSession, why: string): void
  /** Told of one that could not be written to disk; must not throw. */
  notWritten(session: HostedSession, error: Error): void
  /** How often one that is used is saved; null: never. */
  saveEveryMs(): number | null
}
