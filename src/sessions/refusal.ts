import { ManagerError } from '../errors.ts'
import type { CheckpointRefused } from './engine.ts'

/** How long a session that could not be written to disk is left alone. */
const RECENT_MS = 60_000

/** Why a session could not be written to disk when that was last tried. */
export class Refusal {
  #refused: CheckpointRefused | null = null
  #atMs = -RECENT_MS

  set(refused: CheckpointRefused): void {
    this.#refused = refused
    this.#atMs = performance.now()
  }

  clear(): void {
    this.#refused = null
  }

  /** Whether one was set a short while ago, cleared since or not. */
  get isRecent(): boolean {
    return performance.now() - this.#atMs < RECENT_MS
  }

  /** What a caller is told; null: nothing was refused. */
  get error(): ManagerError | null {
    if (!this.#refused) return null
    const { cause } = this.#refused
    if (cause instanceof ManagerError) return cause
    const why = 'The session could not be written to disk: try again later.'
    return new ManagerError('STORE_FAILED', why, { cause })
  }
}
