import { randomUUID } from 'node:crypto'
import type { Budget } from '../accounts.ts'
import { Audience } from './audience.ts'
import type { ChannelKernel, Connection } from './channel.ts'
import { executeCode, isExpected } from './execute.ts'
import { InputHistory } from './input-history.ts'
import type { KeptRuns } from './kept-runs.ts'
import type { JupyterRequest, KernelMessage } from './message.ts'
import { errorInContext } from './present.ts'
import { answerOf, expressionsOf } from './questions.ts'
import { fixedReply, type KernelLanguage } from './replies.ts'
import { ShellQueue } from './shell-queue.ts'

export interface KeptKernelOptions {
  readonly caller: string
  readonly runs: KeptRuns
  readonly language: KernelLanguage
  /** Of what is kept for clients. */
  readonly budget: Budget
  /** A client has asked the kernel to end. */
  readonly onShutdown: () => void
}

const NOBODY = '{}'

/**
 * A kernel that keeps its state, as its clients see it: any number of them, whose requests it serves one after the
 * other. The state itself is in a session of the caller's.
 */
export class KeptKernel implements ChannelKernel {
  /** For the headers of its messages. */
  readonly session = randomUUID()
  lastActivity = new Date()
  readonly #options: KeptKernelOptions
  readonly #audience: Audience
  readonly #queue = new ShellQueue()
  readonly #history: InputHistory
  #running = new AbortController()
  #isRestarting = false

  constructor(options: KeptKernelOptions) {
    this.#options = options
    this.#audience = new Audience(options.budget, options.caller)
    this.#history = new InputHistory(options.budget, options.caller)
  }

  get connections(): number {
    return this.#audience.size
  }

  get isBusy(): boolean {
    return this.#queue.isBusy || this.#options.runs.isBusy
  }

  join(connection: Connection): void {
    this.#audience.join(connection)
  }

  leave(connection: Connection): void {
    this.#audience.leave(connection)
  }

  async take(request: JupyterRequest, from: Connection, isHeld: () => boolean): Promise<void> {
    const { type, channel } = request
    this.lastActivity = new Date()
    if (channel === 'control') return this.#inTurn(request, () => this.#control(request, from))
    if (channel === 'stdin') return
    const isExecution = type === 'execute_request'
    return this.#queue.add(isExecution, async (isAborted) => {
      if (!isHeld()) return
      await this.#inTurn(request, async () => {
        if (!isExecution) return this.#answer(request, from)
        if (isAborted) return this.#reply(request, from, 'execute_reply', { status: 'aborted' })
        const isOk = await this.#execute(request, from)
        if (!isOk && request.fields.stop_on_error !== false) this.#queue.abort()
      })
      this.lastActivity = new Date()
    })
  }

  async interrupt(): Promise<void> {
    await this.#options.runs.interrupt()
  }

  /** Begins anew, without variables; what waits is not executed. */
  async restart(): Promise<void> {
    this.#queue.abort()
    this.#isRestarting = true
    this.#state('restarting', NOBODY)
    try {
      await this.#options.runs.restart()
      this.#history.clear()
    } finally {
      this.#isRestarting = false
      if (!this.#queue.isBusy) this.#state('idle', NOBODY)
    }
  }

  /** Its session is no more. */
  close(): void {
    this.#queue.abort()
    this.#running.abort()
    this.#state('dead', NOBODY)
    this.#audience.close()
    this.#history.clear()
  }

  /** Tells before and after a request that it is served. */
  async #inTurn(request: JupyterRequest, serve: () => Promise<void>): Promise<void> {
    this.#state('busy', request.headerJson)
    try {
      await serve()
    } finally {
      this.#state('idle', request.headerJson)
    }
  }

  async #control(request: JupyterRequest, from: Connection): Promise<void> {
    const { type, fields } = request
    try {
      if (type === 'interrupt_request') await this.interrupt()
      const isRestart = fields.restart === true
      if (type === 'shutdown_request') {
        await this.#reply(request, from, 'shutdown_reply', { status: 'ok', restart: isRestart })
        if (isRestart) await this.restart()
        else this.#options.onShutdown()
        return
      }
      return this.#answer(request, from)
    } catch (error) {
      if (!isExpected(error as Error)) throw error
      const words = { status: 'error', ename: 'ServiceError', evalue: (error as Error).message }
      const reply = type.replace(/_request$/, '_reply')
      await this.#reply(request, from, reply, { ...words, traceback: [] })
    }
  }

  async #execute(request: JupyterRequest, from: Connection): Promise<boolean> {
    const { code, fields, headerJson } = request
    const { runs } = this.#options
    const isSilent = fields.silent === true
    const isHidden = isSilent || fields.store_history === false
    const program = code ?? Buffer.alloc(0)
    const count = runs.count + (isHidden ? 0 : 1)
    if (!isHidden) this.#history.add(count, program)
    this.#running = new AbortController()
    const expressions = expressionsOf(fields.user_expressions)
    let isLost = false
    const execution = {
      ...{ code: program, count, isSilent, signal: this.#running.signal },
      run: async (options: Parameters<KeptRuns['run']>[1]) => {
        const outcome = await runs.run({ code: program, mode: 'cell', isHidden }, options)
        isLost = outcome.isContextLost
        return { ...outcome, error: errorInContext(outcome) }
      },
      expressions: expressions ? () => expressions(runs, this.#running.signal) : undefined,
    }
    const isOk = await executeCode(execution, (message) => this.#tell(message, headerJson, from))
    // As Jupyter's servers tell that a kernel has died and is started anew.
    if (isLost && !this.#isRestarting) this.#state('restarting', NOBODY)
    return isOk
  }

  async #answer(request: JupyterRequest, from: Connection): Promise<void> {
    const { type, channel, headerJson } = request
    const { language, runs } = this.#options
    const on = channel === 'control' ? 'control' : 'shell'
    const history = type === 'history_request' ? await this.#found(request) : null
    const reply =
      (history && { channel: on, type: 'history_reply', contentJson: history }) ??
      (await answerOf(request, runs, this.#running.signal)) ??
      fixedReply(type, on, language, true)
    if (reply) this.#tell({ ...reply, channel: on }, headerJson, from)
  }

  /** Others are served before each search: many may wait here. */
  async #found({ fields }: JupyterRequest): Promise<string> {
    await new Promise(setImmediate)
    return this.#history.reply(fields)
  }

  async #reply(
    { channel, headerJson }: JupyterRequest,
    from: Connection,
    type: string,
    content: object,
  ): Promise<void> {
    const on = channel === 'control' ? 'control' : 'shell'
    this.#tell({ channel: on, type, contentJson: JSON.stringify(content) }, headerJson, from)
  }

  #tell(message: KernelMessage, parentJson: string, from: Connection): void {
    if (message.channel === 'iopub') this.#audience.publish(message, parentJson)
    else this.#audience.reply(from.session, message, parentJson)
  }

  #state(name: string, parentJson: string): void {
    const contentJson = `{"execution_state":"${name}"}`
    this.#audience.publish({ channel: 'iopub', type: 'status', contentJson }, parentJson)
  }
}
