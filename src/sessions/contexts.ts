import { randomBytes } from 'node:crypto'
import { Context } from './context.ts'
import { canTell } from './context-env.ts'
import type { ContextHost } from './context-host.ts'
import {
  ContextError,
  type ContextInfo,
  type ContextOutcome,
  type ContextRecord,
  type ContextRequest,
  type ContextRun,
  type ContextRunOptions,
  type Kernel,
  type Kernels,
} from './context-types.ts'
import { SESSION_HOME } from './user.ts'

/** Contexts of one session. */
const MOST_CONTEXTS = 32

/** Which context a run is in: one by its id, or the default one of a language; neither: that of the first language. */
export interface ContextChoice {
  readonly context?: string | undefined
  readonly language?: string | undefined
}

/**
 * The contexts of one session. The default context of a language has the language's name as its id; it comes to be
 * when it is used.
 */
export class Contexts {
  readonly #kernels: Kernels | null
  readonly #contexts = new Map<string, Context>()
  /** Has the process of the first language that prepare() started and no context has adopted. */
  #spare: Context | null = null

  /** @param kernels null: its sandboxes run no code but by commands */
  constructor(kernels: Kernels | null) {
    this.#kernels = kernels
  }

  /** What has to be written down beside an image of the session. */
  state(): ContextRecord[] {
    const spare = this.#spare ? [{ ...this.#spare.state(), isSpare: true }] : []
    return [...[...this.#contexts.values()].map((context) => context.state()), ...spare]
  }

  /**
   * Starts a process of the first language, where there is one, for the first context that wants such a one.
   * @throws ContextError, ChannelError, SessionLostError
   */
  async prepare(host: Omit<ContextHost, 'limits'>): Promise<void> {
    const first = this.#kernels?.byName.values().next().value
    if (!first) return
    const spare = new Context(newRecord('', first, '', {}), first, false)
    await spare.start(this.#host(host))
    this.#spare = spare
  }

  /** Tells of the environment of the session: a process that cannot be told of it any more is ended. */
  settle(env: Readonly<Record<string, string>>): void {
    if (!this.#spare || canTell(this.#spare.kernel, env)) return
    this.#spare.end()
    this.#spare = null
  }

  /** They are as they were when state() was written down. */
  load(found: readonly ContextRecord[]): void {
    this.#contexts.clear()
    this.#spare = null
    for (const record of found) {
      const kernel = this.#kernels?.byName.get(record.language)
      if (!kernel) continue
      const context = new Context(record, kernel, true)
      if (record.isSpare) this.#spare = context
      else this.#contexts.set(record.id, context)
    }
  }

  list(): ContextInfo[] {
    return [...this.#contexts.values()].map((context) => context.info())
  }

  /** The languages whose code it runs, the first of the template first. */
  languages(): string[] {
    const kernels = [...(this.#kernels?.byName.values() ?? [])]
    return [...new Set(kernels.map(({ language }) => language))]
  }

  /** @throws ContextError `unknown` */
  get(id: string): ContextInfo {
    return this.#find(id).info()
  }

  /** Makes a context; its process is started with its first run. @throws ContextError */
  create(request: ContextRequest): ContextInfo {
    const kernel = this.kernel(request.language)
    return this.#add(`c-${randomBytes(9).toString('base64url')}`, kernel, request).info()
  }

  /**
   * What runs the code of a choice.
   * @throws ContextError `unknown`
   */
  kernelOf({ context, language }: ContextChoice): Kernel {
    const known = context === undefined ? undefined : this.#contexts.get(context)
    const kernel = known?.kernel ?? this.kernel(context ?? language)
    if (language !== undefined && this.kernel(language) !== kernel) {
      throw new ContextError('unknown', `The context ${context} runs ${kernel.language}.`)
    }
    return kernel
  }

  /** @param language by any of its names; undefined: the first of the template */
  kernel(language: string | undefined): Kernel {
    const [first] = this.#kernels?.byName.values() ?? []
    const kernel = language === undefined ? first : this.#kernels?.byName.get(language)
    if (kernel) return kernel
    const all = this.languages().join(', ') || 'none'
    const what = language === undefined ? 'no language' : `no context or language ${language}`
    throw new ContextError('unknown', `This session has ${what}; its languages: ${all}.`)
  }

  /**
   * Runs a program in a context, when it is its turn.
   * @param id of the run, by which cancel() finds it
   * @throws ContextError, ChannelError, SessionLostError; the signal's reason when it fires before its turn
   */
  run(
    id: string,
    choice: ContextChoice,
    host: Omit<ContextHost, 'limits'>,
    run: ContextRun,
    options: ContextRunOptions,
  ): Promise<ContextOutcome> {
    const kernel = this.kernelOf(choice)
    const known = choice.context === undefined ? undefined : this.#contexts.get(choice.context)
    const context = known ?? this.#default(kernel)
    const whole = this.#host(host)
    if (this.#spare && context.mayAdopt(this.#spare, host.env)) {
      context.adopt(this.#spare)
      this.#spare = null
    }
    return context.run(id, whole, run, options)
  }

  /** @returns whether something runs in it. @throws ContextError `unknown` */
  interrupt(id: string, host: Omit<ContextHost, 'limits'>): boolean {
    return this.#find(id).interrupt(this.#host(host))
  }

  /** Has a run end. @returns whether it is on */
  cancel(run: string): boolean {
    return [...this.#contexts.values()].some((context) => context.cancel(run))
  }

  /** Ends the process of a context, and starts another. */
  async restart(id: string, host: Omit<ContextHost, 'limits'>): Promise<ContextInfo> {
    const context = this.#find(id)
    await context.restart(this.#host(host))
    return context.info()
  }

  async remove(id: string, host: Omit<ContextHost, 'limits'>): Promise<void> {
    const context = this.#find(id)
    this.#contexts.delete(id)
    await context.remove(this.#host(host))
  }

  #host(host: Omit<ContextHost, 'limits'>): ContextHost {
    return { ...host, limits: (this.#kernels as Kernels).limits }
  }

  #default(kernel: Kernel): Context {
    const { language } = kernel
    const known = this.#contexts.get(language)
    return known ?? this.#add(language, kernel, { cwd: '', env: {} })
  }

  #add(id: string, kernel: Kernel, { cwd, env }: Omit<ContextRequest, 'language'>): Context {
    if (this.#contexts.size >= MOST_CONTEXTS) {
      throw new ContextError('full', `A session has at most ${MOST_CONTEXTS} contexts: remove one.`)
    }
    const context = new Context(newRecord(id, kernel, cwd, env), kernel, false)
    this.#contexts.set(id, context)
    return context
  }

  #find(id: string): Context {
    const context = this.#contexts.get(id)
    if (!context)
      throw new ContextError('unknown', `This session has no context ${id.slice(0, 64)}.`)
    return context
  }
}

function newRecord(
  id: string,
  { language }: Kernel,
  cwd: string,
  env: ContextRecord['env'],
): ContextRecord {
  const folder = cwd.startsWith('/') ? cwd : `${SESSION_HOME}/${cwd}`.replace(/\/$/, '')
  const none = { executionCount: 0, starts: 0, process: null }
  return { id, language, cwd: folder, env, createdAtMs: Date.now(), ...none }
}
