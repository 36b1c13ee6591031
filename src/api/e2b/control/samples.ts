import type { SessionInfo, Sessions } from '../../../sessions/types.ts'
import { DOOR } from '../note.ts'

/** What a sandbox used at a moment. */
export interface Sample {
  readonly atMs: number
  /** Part of one processor since the sample before. */
  readonly processors: number
  readonly memoryBytes: number
}

interface Samples {
  cpuTimeMs: number
  readonly all: Sample[]
}

const SAMPLE_MS = 5000
/** An hour of them. */
const MOST_SAMPLES = 720

/** Looks at what the sandboxes that are in memory use, every 5 s, and keeps that for an hour. */
export class UseSamples {
  readonly #sessions: Sessions
  readonly #bySession = new Map<string, Samples>()
  readonly #timer: NodeJS.Timeout

  constructor(sessions: Sessions) {
    this.#sessions = sessions
    this.#timer = setInterval(() => this.#look(), SAMPLE_MS)
    this.#timer.unref()
  }

  close(): void {
    clearInterval(this.#timer)
  }

  /** Returns the samples of a sandbox within a time, the oldest first; one of now is among them. */
  of(caller: string, id: string, fromMs: number, toMs: number): Sample[] {
    this.#take(caller, id)
    const all = this.#bySession.get(id)?.all ?? []
    return all.filter(({ atMs }) => atMs >= fromMs && atMs <= toMs)
  }

  #look(): void {
    const sandboxes = this.#sessions.ofDoor(DOOR)
    const living = new Set(sandboxes.map(({ id }) => id))
    for (const id of this.#bySession.keys()) if (!living.has(id)) this.#bySession.delete(id)
    for (const { id } of sandboxes) this.#take(this.#sessions.ownerOf(id) ?? '', id)
  }

  #take(caller: string, id: SessionInfo['id']): void {
    const use = this.#sessions.usage(caller, id)
    if (!use) return
    const samples = this.#bySession.get(id) ?? { cpuTimeMs: use.cpuTimeMs, all: [] }
    this.#bySession.set(id, samples)
    const atMs = Date.now()
    const sinceMs = atMs - (samples.all.at(-1)?.atMs ?? atMs)
    // A sandbox that was restored counts anew.
    const usedMs = Math.max(0, use.cpuTimeMs - samples.cpuTimeMs)
    samples.cpuTimeMs = use.cpuTimeMs
    const processors = sinceMs > 0 ? usedMs / sinceMs : 0
    samples.all.push({ atMs, processors, memoryBytes: use.memoryBytes })
    if (samples.all.length > MOST_SAMPLES) samples.all.shift()
  }
}
