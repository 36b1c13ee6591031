import { randomBytes } from 'node:crypto'
import { Collector } from '../run/collect.ts'
import { KernelLink } from '../supervisor/kernel-link.ts'
import { TOKEN_BYTES } from '../supervisor/kernel-protocol.ts'
import { canTell } from './context-env.ts'
import { writeFile } from './context-files.ts'
import type { ContextHost } from './context-host.ts'
import { type ContextFacts, contextOutcome } from './context-outcome.ts'
import {
  ContextError,
  type ContextInfo,
  type ContextOutcome,
  type ContextRecord,
  type ContextRun,
  type ContextRunOptions,
  type Kernel,
} from './context-types.ts'
import { startKernel } from './kernel-start.ts'
import { GRACE_MS, RunCut } from './run-cut.ts'
import { Turns } from './turns.ts'

/** Runs that may wait in one context. */
const MOST_WAITING = 32

/** A process of a session that runs one program after the other, with the variables that they leave. */
export class Context {
  readonly id: string
  readonly kernel: Kernel
  readonly #turns = new Turns()
  #record: ContextRecord
  #link: KernelLink | null = null
  /** Of a context that was written down: its process is taken over, and draws randomness anew. */
  #isFound: boolean
  #isRemoved = false
  /** Whether its process was ended by a restart. */
  #isEnded = false
  readonly #running = new Map<string, () => void>()

  /** @param isFound it was written down, by another manager or of a session that this one is a copy of */
  constructor(record: ContextRecord, kernel: Kernel, isFound: boolean) {
    this.id = record.id
    this.kernel = kernel
    this.#record = record
    this.#isFound = isFound
  }

  info(): ContextInfo {
    const { id, language, cwd, createdAtMs, executionCount } = this.#record
    const waiting = this.#turns.waiting
    return { id, language, cwd, createdAtMs, executionCount, state: this.#stateNow(), waiting }
  }

  /** What is written down of it. */
  state(): ContextRecord {
    const { process } = this.#record
    if (!process || !this.#link) return this.#record
    return { ...this.#record, process: { ...process, ...this.#link.state() } }
  }

  #stateNow(): ContextInfo['state'] {
    if (this.#turns.isTaken) return 'busy'
    if (this.#link?.isOver) return 'lost'
    const { process, starts } = this.#record
    if (process) return (this.#link?.state() ?? process).token === null ? 'idle' : 'busy'
    return starts === 0 ? 'new' : 'lost'
  }

  /** Starts its process. @throws ContextError, ChannelError, SessionLostError */
  async start(host: ContextHost): Promise<void> {
    await this.#start(host)
  }

  /** Tells whether it can take the process of another one, which has run nothing, for its own. */
  mayAdopt(spare: Context, env: ContextHost['env']): boolean {
    const { starts, cwd } = this.#record
    const isSame = spare.kernel === this.kernel && spare.#record.cwd === cwd
    const isNew = starts === 0 && !this.#turns.isTaken
    return isSame && isNew && canTell(this.kernel, { ...env, ...this.#record.env })
  }

  /** Takes the process of another one. The next run tells it of the environment. */
  adopt(spare: Context): void {
    const { process } = spare.state()
    this.#link = spare.#link
    this.#isFound = spare.#isFound
    if (!process || this.#link?.isOver) return
    this.#record = { ...this.#record, starts: 1, process, isUntold: true }
    if (this.#link) this.#watch(this.#link)
  }

  /** Ends its process at once. */
  end(): void {
    this.#link?.kill()
  }

  /**
   * Runs a program when it is its turn.
   * @param id by which cancel() finds it
   * @throws ContextError, ChannelError, SessionLostError; the signal's reason when it fires before its turn
   */
  async run(
    id: string,
    host: ContextHost,
    run: ContextRun,
    { signal, onEvent = () => {} }: ContextRunOptions,
  ): Promise<ContextOutcome> {
    const came = performance.now()
    const isBusy = this.#stateNow() === 'busy'
    if (isBusy && !run.waits) throw new ContextError('busy', `The context ${this.id} is busy.`)
    if (this.#turns.waiting >= MOST_WAITING) {
      throw new ContextError('busy', `${MOST_WAITING} runs wait in the context ${this.id} already.`)
    }
    const end = await this.#turns.take(signal)
    try {
      const { link, isAnew } = await this.#ready(host)
      await this.#putFiles(host, run)
      const queueMs = performance.now() - came
      onEvent({ type: 'started', queueMs })
      const facts = await this.#execute(id, host, link, run, signal, onEvent)
      const executeMs = facts.wallTimeMs
      const timings = { queueMs, executeMs, collectMs: 0 }
      return contextOutcome({ ...facts, isAnew, timings })
    } finally {
      end()
    }
  }

  /** Interrupts the run that is on. @returns whether there is one */
  interrupt(host: ContextHost): boolean {
    if (!this.#link && this.#record.process) this.#takeOver(host)
    const isOn = this.#stateNow() === 'busy'
    this.#link?.interrupt()
    return isOn
  }

  /** Interrupts a run by its id, and ends it if that does not. @returns whether it is on */
  cancel(id: string): boolean {
    const cancel = this.#running.get(id)
    cancel?.()
    return cancel !== undefined
  }

  /** Ends its process; the run that is on ends with it. Starts another. */
  async restart(host: ContextHost): Promise<void> {
    await this.#endProcess(host)
    const end = await this.#turns.take(new AbortController().signal)
    try {
      await this.#ready(host)
    } finally {
      end()
    }
  }

  /** Ends its process for good. */
  async remove(host: ContextHost): Promise<void> {
    this.#isRemoved = true
    await this.#endProcess(host)
  }

  async #endProcess(host: ContextHost): Promise<void> {
    if (!this.#link && this.#record.process) this.#takeOver(host)
    this.#link?.kill()
    await this.#link?.over
    this.#link = null
    this.#isEnded = true
    this.#record = { ...this.#record, process: null, executionCount: 0 }
  }

  /** A kernel that waits for a run: the one that there is, or a new one, which may follow one that was lost. */
  async #ready(host: ContextHost): Promise<{ link: KernelLink; isAnew: boolean }> {
    if (this.#isRemoved) throw new ContextError('unknown', `The context ${this.id} is removed.`)
    if (!this.#link && this.#record.process) this.#takeOver(host)
    if (this.#link && !this.#link.isOver) {
      // Of a run that another manager began it waits for the end.
      await this.#link.ready()
      if (!this.#link.isOver) return { link: this.#link, isAnew: false }
    }
    const isAnew = this.#record.starts > 0 && !this.#isEnded && !this.#record.isUntold
    this.#isEnded = false
    return { link: await this.#start(host), isAnew }
  }

  #takeOver({ channels, limits }: ContextHost): void {
    const { process } = this.#record
    if (!process) return
    const found = channels.takeOver(process.channel, process.pid)
    if (!found) {
      this.#record = { ...this.#record, process: null }
      return
    }
    this.#link = new KernelLink(found, limits, process)
    this.#watch(this.#link)
  }

  async #start(host: ContextHost): Promise<KernelLink> {
    const record = this.#record
    const { link, process } = await startKernel(host, this.kernel, record)
    this.#link = link
    this.#isFound = false
    const starts = record.starts + 1
    this.#record = { ...record, starts, executionCount: 0, isUntold: false, process }
    this.#watch(link)
    return link
  }

  #watch(link: KernelLink): void {
    void link.over.then(() => {
      if (this.#link === link) this.#record = { ...this.#record, process: null }
    })
  }

  async #putFiles({ channels }: ContextHost, { files, stdin }: ContextRun): Promise<void> {
    const { cwd } = this.#record
    for (const { path, content } of files) await writeFile(channels, `${cwd}/${path}`, content)
    if (stdin !== null) await writeFile(channels, this.#inputPath, stdin)
  }

  get #inputPath(): string {
    return `/tmp/.input-${this.id}`
  }

  async #execute(
    id: string,
    host: ContextHost,
    link: KernelLink,
    run: ContextRun,
    signal: AbortSignal,
    onEvent: NonNullable<ContextRunOptions['onEvent']>,
  ): Promise<Omit<ContextFacts, 'isAnew' | 'timings'>> {
    const { limits } = host
    const collector = new Collector(limits, onEvent)
    const before = host.usage()
    const began = performance.now()
    const cut = new RunCut(link, run.wallTimeMs, signal)
    this.#running.set(id, cut.cancel)
    const count = this.#record.executionCount + (run.isHidden ? 0 : 1)
    const token = randomBytes(TOKEN_BYTES / 2).toString('hex')
    const reseeds = this.#isFound
    this.#isFound = false
    const { isUntold = false, env } = this.#record
    this.#record = { ...this.#record, executionCount: count, isUntold: false }
    const ended = link.run(
      {
        env: {},
        tells: { errorsAlone: false, data: false },
        ...run,
        stdin: run.stdin === null ? null : this.#inputPath,
        name: run.isHidden ? 'hidden' : `cell ${count}`,
        lastingEnv: isUntold ? { ...host.env, ...env } : {},
        reseeds,
      },
      token,
      this.kernel.call,
      collector,
      () => cut.interrupt('output'),
    )
    if (signal.aborted) cut.cancel()
    const end = await ended
    cut.over()
    this.#running.delete(id)
    const wallTimeMs = performance.now() - began
    const after = end.how === 'lost' ? before : host.usage()
    return {
      collector,
      end,
      cut: cut.why,
      limits,
      wallTimeMs,
      cpuTimeMs: Math.max(0, after.cpuTimeMs - before.cpuTimeMs),
      memoryBytes: Math.max(0, after.memoryBytes - after.baseBytes),
      executionCount: count,
      graceMs: GRACE_MS,
    }
  }
}
