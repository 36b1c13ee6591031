import type { EgressNetwork } from '../../network/egress.ts'
import type { CgroupTree } from './cgroup-tree.ts'
import type { RunscSetting } from './command.ts'
import type { Owner } from './owner.ts'
import type { ProcessorShares } from './processor-shares.ts'
import type { Reaper } from './reaper.ts'
import type { Sidecars } from './sidecars.ts'
import type { SnapshotStore } from './snapshot-store.ts'

/** What all sandboxes of one manager are made with. */
export interface EngineContext {
  readonly setting: RunscSetting
  readonly runscVersion: string
  readonly sidecars: Sidecars | null
  readonly tree: CgroupTree
  readonly owner: Owner
  /** Null: every executor is started cold. */
  readonly snapshots: SnapshotStore | null
  /** Null: sandboxes have no network. */
  readonly network: EgressNetwork | null
  readonly events: EngineEvents
  readonly reaper: Reaper
  readonly processors: ProcessorShares
  /** Aborted when the manager stops: everything that is being made then fails with SHUTTING_DOWN. */
  readonly stopping: AbortSignal
}

/** Callbacks of the engine. They must not throw. */
export interface EngineEvents {
  snapshotBuilding(runtime: string): void
  snapshotReady(runtime: string, createdAtMs: number): void
  restored(runtime: string, ms: number): void
  restoreFailed(runtime: string, error: Error): void
  coldBooted(runtime: string, ms: number): void
  /** No snapshot can be used for now: executors are started cold, with the same isolation. */
  coldFallback(runtime: string, error: Error): void
  /** Something that an earlier manager left could not be removed. */
  sweepFailed(error: Error): void
  /** A further snapshot could not be made; those in use stay in use. */
  renewalFailed(runtime: string, error: Error): void
  /** A sandbox could not be removed; it is tried again. */
  notRemoved(executor: string, error: Error): void
  /** A sandbox that no pool has could not be removed yet: it takes a place until it is. */
  remains(removal: Promise<void>): void
  /** Connections and host names that a sandbox with a network was refused. */
  connectionsRefused(count: number): void
}
