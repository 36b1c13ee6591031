import { StringDecoder } from 'node:string_decoder'
import type { CallToolResult } from '@modelcontextprotocol/server'
import { scaledMs } from '../../lib/time-scale.ts'
import type { RunEvent } from '../../run/types.ts'
import type { Budget, Entry } from '../accounts.ts'
import { overBudget } from '../uploads.ts'
import { wellFormed } from './excerpt.ts'
import { KEPT_MS } from './kept-results.ts'

/** Of the output of a run that goes on, its end is told: characters. */
const MAX_TAIL = 4000
/** What a run holds beside its program and its answer, roughly: bytes. */
const OVERHEAD_BYTES = 16 * 1024

/**
 *   running ──the program ends, or is canceled──► ended ──10 minutes──► gone
 */
export interface StartedRun {
  readonly id: string
  readonly caller: string
  /** What the tool answers; null: it runs. */
  result: CallToolResult | null
  /** The end of what it has printed so far. */
  readonly tail: () => string
  /** Resolves when it has ended. Never rejects. */
  readonly ended: Promise<void>
  cancel(): void
}

/** What a run is started with. */
export interface StartOptions {
  readonly signal: AbortSignal
  readonly onEvent: (event: RunEvent) => void
  /** An executor has it: its program is needed no more. */
  readonly onStart: () => void
}

interface Kept extends StartedRun {
  readonly entries: readonly Entry[]
  timer: NodeJS.Timeout | null
}

/**
 * Runs that go on after their call was answered, for clients that wait no longer than a minute. Each is on
 * its caller's account and known to its caller only. They are in memory: a restart of the service ends them.
 */
export class StartedRuns {
  readonly #budget: Budget
  readonly #byId = new Map<string, Kept>()

  constructor(budget: Budget) {
    this.#budget = budget
  }

  /**
   * Starts a run.
   * @param bytes of its program and files
   * @param work must not reject
   * @throws Refused when the caller holds too much
   */
  start(
    id: string,
    caller: string,
    bytes: number,
    work: (options: StartOptions) => Promise<CallToolResult>,
  ): StartedRun {
    const controller = new AbortController()
    const evict = () => this.#drop(id)
    const [own, program] = [this.#budget.open(caller, evict), this.#budget.open(caller, evict)]
    const entries = [own, program]
    if (!own.add(OVERHEAD_BYTES) || !program.add(bytes)) {
      for (const entry of entries) entry.release()
      throw overBudget()
    }
    const tail = new Tail()
    const ended = work({
      signal: controller.signal,
      onEvent: (event) => tail.add(event),
      onStart: () => program.release(),
    }).then((result) => {
      program.release()
      run.result = result
      own.force(sizeOf(result))
      run.timer = setTimeout(evict, scaledMs(KEPT_MS)).unref()
    })
    const cancel = () => controller.abort()
    const run: Kept = {
      ...{ id, caller, result: null, tail: () => tail.text, ended, cancel },
      ...{ entries, timer: null },
    }
    this.#byId.set(id, run)
    return run
  }

  /** @returns null: it is not there (any more), or is another caller's */
  find(caller: string, id: string): StartedRun | null {
    const run = this.#byId.get(id)
    return run?.caller === caller ? run : null
  }

  /** Ends and forgets all. */
  clear(): void {
    for (const id of [...this.#byId.keys()]) this.#drop(id)
  }

  #drop(id: string): void {
    const run = this.#byId.get(id)
    if (!run) return
    this.#byId.delete(id)
    run.cancel()
    clearTimeout(run.timer ?? undefined)
    void run.ended.then(() => {
      clearTimeout(run.timer ?? undefined)
      for (const entry of run.entries) entry.release()
    })
  }
}

class Tail {
  readonly #decoders = { stdout: new StringDecoder(), stderr: new StringDecoder() }
  #text = ''

  add(event: RunEvent): void {
    if (event.type !== 'stdout' && event.type !== 'stderr') return
    this.#text = (this.#text + this.#decoders[event.type].write(event.bytes)).slice(-MAX_TAIL)
  }

  get text(): string {
    return wellFormed(this.#text)
  }
}

/** Text and images; the structured content says the text again. */
function sizeOf({ content }: CallToolResult): number {
  return content.reduce((sum, block) => {
    if (block.type === 'text') return sum + 4 * block.text.length
    return sum + (block.type === 'image' ? block.data.length : 512)
  }, 0)
}
