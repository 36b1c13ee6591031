import { Worker } from 'node:worker_threads'
import { type ErrorCode, ManagerError } from '../errors.ts'
import type { DatabaseOptions } from './database.ts'
import type { MethodName, Methods } from './methods.ts'

export interface Question {
  readonly number: number
  readonly name: MethodName
  readonly args: readonly unknown[]
}

export type Answer =
  | { readonly number: number; readonly value: unknown }
  | {
      readonly number: number
      readonly error: {
        readonly code: ErrorCode | null
        readonly message: string
        readonly stack: string
      }
    }

interface Waiting {
  readonly resolve: (value: never) => void
  readonly reject: (error: Error) => void
}

const HEAP_MB = 256

/**
 * Asks the thread of the store. The thread is started by the first question, and anew after it has died;
 * questions are answered in their order.
 */
export class StoreThread {
  readonly #options: DatabaseOptions
  readonly #waiting = new Map<number, Waiting>()
  #worker: Worker | null = null
  #asked = 0
  #isClosed = false

  constructor(options: DatabaseOptions) {
    this.#options = options
  }

  get isStarted(): boolean {
    return this.#worker !== null
  }

  /** @throws ManagerError as the method in the thread; STORE_FAILED when the thread ended */
  ask<N extends MethodName>(
    name: N,
    ...args: Parameters<Methods[N]>
  ): Promise<ReturnType<Methods[N]>> {
    if (this.#isClosed) {
      return Promise.reject(new ManagerError('STORE_FAILED', 'The store was closed.'))
    }
    this.#worker ??= this.#start()
    const worker = this.#worker
    const number = this.#asked++
    return new Promise((resolve, reject) => {
      // A process that waits for an answer does not end.
      worker.ref()
      this.#waiting.set(number, { resolve: resolve as Waiting['resolve'], reject })
      worker.postMessage({ number, name, args } satisfies Question)
    })
  }

  /** Closes the store. What was asked before is done. */
  async close(): Promise<void> {
    const worker = this.#worker
    const closing = worker && this.ask('close').catch(() => {})
    this.#isClosed = true
    if (!worker) return
    await closing
    await worker.terminate()
  }

  #start(): Worker {
    const worker = new Worker(new URL('./worker.ts', import.meta.url), {
      workerData: this.#options,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
      // Node.js 22 calls its SQLite experimental.
      execArgv: [...process.execArgv, '--disable-warning=ExperimentalWarning'],
    })
    worker.unref()
    let cause: Error | undefined
    worker.on('message', (answer: Answer) => {
      const waiting = this.#waiting.get(answer.number)
      this.#waiting.delete(answer.number)
      if (this.#waiting.size === 0) worker.unref()
      if ('value' in answer) waiting?.resolve(answer.value as never)
      else waiting?.reject(errorOf(answer.error))
    })
    worker.on('error', (error: Error) => {
      cause = error
    })
    worker.on('exit', () => {
      if (this.#worker === worker) this.#worker = null
      const lost = [...this.#waiting.values()]
      this.#waiting.clear()
      const why = 'The store cannot be used: its thread has ended.'
      for (const { reject } of lost) reject(new ManagerError('STORE_FAILED', why, { cause }))
    })
    return worker
  }
}

function errorOf({ code, message, stack }: Extract<Answer, { error: unknown }>['error']): Error {
  const error = code === null ? new Error(message) : new ManagerError(code, message)
  error.stack = stack
  return error
}
