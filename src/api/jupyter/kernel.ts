import type { RunOptions, RunOutcome } from '../../run/types.ts'

/** What a client executes code with. */
export interface Kernel {
  readonly id: string
  /** Of the kernelspec, such as `python3`. */
  readonly name: string
  /** Executions so far. */
  readonly executions: number
  readonly isBusy: boolean
  /**
   * Executes code.
   * @throws KernelSpent when it executes no more; ManagerError
   */
  execute(code: Buffer, options: RunOptions): Promise<RunOutcome>
  /** Ends what it executes. */
  interrupt(): void
  /** Ends what it executes, and is as new afterwards. */
  restart(): void
}

/** A kernel that keeps no state was given a second program. */
export class KernelSpent extends Error {
  constructor() {
    super(
      'This kernel keeps no state and has run its program: restart it, or name a kernel when you start one, which keeps its state then.',
    )
    this.name = 'KernelSpent'
  }
}

type RunCode = (code: Buffer, options: RunOptions) => Promise<RunOutcome>

/**
 * A kernel that runs one program in a fresh executor.
 *
 *   fresh ──execute()──► running ──► spent ──restart()──► fresh
 */
export class OneRunKernel implements Kernel {
  readonly id: string
  readonly name: string
  readonly #run: RunCode
  #state: 'fresh' | 'running' | 'spent' = 'fresh'
  #running = new AbortController()
  #executions = 0

  constructor(id: string, name: string, run: RunCode) {
    this.id = id
    this.name = name
    this.#run = run
  }

  get executions(): number {
    return this.#executions
  }

  get isBusy(): boolean {
    return this.#state === 'running'
  }

  async execute(code: Buffer, options: RunOptions): Promise<RunOutcome> {
    if (this.#state !== 'fresh') throw new KernelSpent()
    const running = new AbortController()
    this.#running = running
    this.#state = 'running'
    this.#executions++
    const signal = AbortSignal.any([options.signal, running.signal])
    try {
      return await this.#run(code, { ...options, signal })
    } finally {
      // A restart may have put another program in its place.
      if (this.#running === running) this.#state = 'spent'
    }
  }

  interrupt(): void {
    this.#running.abort()
  }

  restart(): void {
    this.#running.abort()
    this.#running = new AbortController()
    this.#state = 'fresh'
    this.#executions = 0
  }
}
