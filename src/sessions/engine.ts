import type { RunLimits } from '../run/types.ts'
import type { Channels } from '../supervisor/channels.ts'
import type { Kernels } from './context-types.ts'

/** What a sandbox has used and holds. */
export interface SandboxUse {
  readonly memoryBytes: number
  readonly cpuTimeMs: number
}

/** What a sandbox may use. */
export type SandboxLimits = Pick<RunLimits, 'memoryBytes' | 'cpus' | 'processes' | 'workspaceBytes'>

/** A sandbox that a caller keeps. This is what sessions need of an engine. Its owner has to call dispose(). */
export interface KeptSandbox {
  readonly id: string
  /** Resolves when the sandbox has ended, for whatever reason. */
  readonly ended: Promise<void>
  readonly channels: Channels
  /** What it held before its first use. Its memory limit is above that, after each restore too. */
  readonly baseBytes: number
  use(): SandboxUse
  /** Sets what it may hold and use; the other limits are those it was made with. */
  setLimits(limits: Pick<SandboxLimits, 'memoryBytes' | 'cpus'>): void
  /**
   * Stops all its processes once its threads sleep.
   * @returns false when they did not all sleep within 10 s: then it goes on
   */
  freeze(): Promise<boolean>
  /** Lets its processes go on. May be called for one that is not frozen. */
  thaw(): void
  /** Whether it was killed while it is frozen, and dies as soon as it is thawed. */
  isKilled(): boolean
  /**
   * Writes its state into an empty folder; it ends by that, and its channels wait for the one that is restored.
   * @throws CheckpointRefused when it could not be written and the sandbox goes on; ManagerError ENGINE_FAILED,
   *   SessionLostError
   */
  checkpoint(folder: string): Promise<void>
  /** Notices what the kernel does not tell by itself; to be called now and then. */
  look(): void
  /** Destroys it and everything that belongs to it. May be called again. */
  dispose(): Promise<void>
}

/** A checkpoint could not be written, for want of disk for instance. The sandbox goes on as before. */
export class CheckpointRefused extends Error {}

/** Makes sandboxes of one template of sessions. */
export interface KeptSandboxes {
  /** Covers everything that a checkpoint depends on: one of another key cannot be restored. */
  readonly key: string
  /** What runs code in them. */
  readonly kernels: Kernels
  readonly limits: SandboxLimits
  /** Makes the same without a network; itself where there is none. */
  readonly offline: KeptSandboxes
  /**
   * @param isAwaited whether somebody waits for it; else it has the processor time that nobody needs until it is thawed
   * @param limits at most those of the template, which is also the default
   * @throws ManagerError ENGINE_FAILED, NETWORK_FAILED, SHUTTING_DOWN
   */
  create(isAwaited?: boolean, limits?: SandboxLimits): Promise<KeptSandbox>
  /**
   * Restores the sandbox whose checkpoint is in the folder.
   * @param channels of the sandbox that was checkpointed
   * @param baseBytes of the first sandbox of the session
   * @param limits that it was made with
   * @throws ManagerError ENGINE_FAILED, NETWORK_FAILED, SHUTTING_DOWN
   */
  restore(
    folder: string,
    channels: Channels,
    baseBytes: number,
    limits?: SandboxLimits,
  ): Promise<KeptSandbox>
}

/** The templates that sessions can be made from. */
export interface SandboxTemplates {
  /** Their names, for people. */
  names(): string[]
  /** The one of a session that names none: never one that has to be built first. */
  preferred(): string
  /**
   * Finds a template as it is now; it is built when it is not yet, which may take minutes.
   * @returns null when no template has that name
   * @throws ManagerError BUILD_FAILED, TEMPLATE_INVALID, SETUP_FAILED
   */
  find(name: string): Promise<KeptSandboxes | null>
  /** The maker of sandboxes that was, or can be, made with this key; null: no template has it. */
  ofKey(key: string): KeptSandboxes | null
}
