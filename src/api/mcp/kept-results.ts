import type { Budget, Entry } from '../accounts.ts'

/** How long what a run left can be read as resources. */
export const KEPT_MS = 10 * 60_000

export interface KeptPart {
  readonly content: Buffer
  readonly mediaType: string
}

export interface ListedPart {
  readonly run: string
  readonly name: string
  readonly mediaType: string
  readonly size: number
}

interface Kept {
  readonly caller: string
  readonly parts: ReadonlyMap<string, KeptPart>
  readonly entry: Entry
  readonly timer: NodeJS.Timeout
}

/**
 * What runs have left, in memory, so that their callers can read it after the answer. It is on its caller's
 * account; the caller's oldest goes first when there is too much of it.
 */
export class KeptResults {
  readonly #budget: Budget
  readonly #byRun = new Map<string, Kept>()

  constructor(budget: Budget) {
    this.#budget = budget
  }

  /**
   * Keeps the parts of a run, in their order, as far as they fit.
   * @returns the names of those that are kept
   */
  keep(caller: string, run: string, parts: ReadonlyMap<string, KeptPart>): ReadonlySet<string> {
    const entry = this.#budget.open(caller, () => this.#drop(run))
    const kept = new Map<string, KeptPart>()
    for (const [name, part] of parts) {
      if (this.#add(entry, caller, part.content.length + OVERHEAD_BYTES)) kept.set(name, part)
    }
    if (kept.size === 0) {
      entry.release()
      return new Set()
    }
    const timer = setTimeout(() => this.#drop(run), KEPT_MS).unref()
    this.#byRun.set(run, { caller, parts: kept, entry, timer })
    return new Set(kept.keys())
  }

  /** Takes room for something that may be kept. @returns a function that gives the room back; null: there is no room */
  reserve(caller: string, bytes: number): (() => void) | null {
    const entry = this.#budget.open(caller, () => {})
    if (this.#add(entry, caller, bytes)) return () => entry.release()
    entry.release()
    return null
  }

  /** @returns null: it is not there (any more), or is another caller's */
  read(caller: string, run: string, name: string): KeptPart | null {
    const kept = this.#byRun.get(run)
    return (kept?.caller === caller && kept.parts.get(name)) || null
  }

  /** What is kept for a caller, the youngest run first. */
  list(caller: string, most: number): ListedPart[] {
    const parts: ListedPart[] = []
    for (const [run, kept] of [...this.#byRun].reverse()) {
      if (kept.caller !== caller) continue
      for (const [name, { mediaType, content }] of kept.parts) {
        parts.push({ run, name, mediaType, size: content.length })
      }
      if (parts.length >= most) break
    }
    return parts.slice(0, most)
  }

  /** Forgets everything. */
  clear(): void {
    for (const run of [...this.#byRun.keys()]) this.#drop(run)
  }

  #add(entry: Entry, caller: string, bytes: number): boolean {
    if (entry.add(bytes)) return true
    for (const [run, kept] of this.#byRun) {
      if (kept.caller !== caller) continue
      this.#drop(run)
      if (entry.add(bytes)) return true
    }
    return false
  }

  #drop(run: string): void {
    const kept = this.#byRun.get(run)
    if (!kept) return
    this.#byRun.delete(run)
    clearTimeout(kept.timer)
    kept.entry.release()
  }
}

const OVERHEAD_BYTES = 512
