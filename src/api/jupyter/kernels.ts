import { scaledMs } from '../../lib/time-scale.ts'
import type { Budget, Entry } from '../accounts.ts'
import { Refused } from '../refused.ts'
import type { Kernel } from './kernel.ts'

/** A kernel that nobody has used for this long is deleted. */
export const KERNEL_IDLE_MS = scaledMs(10 * 60_000)
/** What a kernel takes while it runs nothing, roughly. */
const KERNEL_BYTES = 4096

export interface OwnedKernel {
  readonly kernel: Kernel
  readonly caller: string
  lastActivity: Date
  /** Ends the connections to it. */
  readonly channels: Set<() => void>
}

interface Kept extends OwnedKernel {
  readonly entry: Entry
  readonly timer: NodeJS.Timeout
}

/** The kernels, each on its caller's account and known to its caller only. */
export class Kernels {
  readonly #budget: Budget
  readonly #byId = new Map<string, Kept>()

  constructor(budget: Budget) {
    this.#budget = budget
  }

  /** @throws Refused when the caller has too many */
  add(caller: string, kernel: Kernel): OwnedKernel {
    const { id } = kernel
    const entry = this.#budget.open(caller, () => this.#drop(id))
    if (!entry.add(KERNEL_BYTES)) throw new Refused(429, 'This caller has too many kernels.', 1)
    const timer = setTimeout(() => this.#idle(id), KERNEL_IDLE_MS).unref()
    const kept: Kept = {
      kernel,
      caller,
      lastActivity: new Date(),
      channels: new Set(),
      entry,
      timer,
    }
    this.#byId.set(id, kept)
    return kept
  }

  /** @returns null: it is not there (any more), or is another caller's */
  get(caller: string, id: string): OwnedKernel | null {
    const kept = this.#byId.get(id)
    return kept?.caller === caller ? kept : null
  }

  of(caller: string): OwnedKernel[] {
    return [...this.#byId.values()].filter((kept) => kept.caller === caller)
  }

  /** Notes that a kernel was used. */
  touch({ kernel }: OwnedKernel): void {
    const kept = this.#byId.get(kernel.id)
    if (!kept) return
    kept.lastActivity = new Date()
    kept.timer.refresh()
  }

  /** Ends what it executes, and the connections to it. */
  delete({ kernel }: OwnedKernel): void {
    this.#drop(kernel.id)
  }

  #idle(id: string): void {
    const kept = this.#byId.get(id)
    if (kept?.kernel.isBusy) kept.timer.refresh()
    else this.#drop(id)
  }

  #drop(id: string): void {
    const kept = this.#byId.get(id)
    if (!kept) return
    this.#byId.delete(id)
    clearTimeout(kept.timer)
    kept.kernel.interrupt()
    for (const end of kept.channels) end()
    kept.entry.release()
  }

  clear(): void {
    for (const id of [...this.#byId.keys()]) this.#drop(id)
  }
}
