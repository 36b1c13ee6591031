import type { Transcript } from '../supervisor/connection.ts'

/** All that is known of a run when its sandbox is about to be destroyed. */
export interface RunRecord {
  /** What the sandbox said: hostile. */
  readonly transcript: Transcript
  /** What the manager did to end it, or null when it ended by itself. */
  readonly intervention: 'deadline' | 'cancelled' | null
  /** Counted by the kernel outside of the sandbox. */
  readonly outOfMemoryKills: number
  /** Whether the sandbox had a network. */
  readonly hasNetwork: boolean
  /** Connections and names that the network policy refused; looked at only after a network error. */
  readonly refusedConnections: number
  /** The most that the run held beyond its idle executor. */
  readonly peakMemoryBytes: number
  readonly cpuTimeMs: number
  readonly wallTimeMs: number
}
