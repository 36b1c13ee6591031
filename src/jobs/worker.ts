/** The thread of the store: SQLite waits for the disk, and nothing else may wait with it. */
import { parentPort, workerData } from 'node:worker_threads'
import { ManagerError } from '../errors.ts'
import { Database, type DatabaseOptions } from './database.ts'
import { type Methods, methodsOf } from './methods.ts'
import type { Answer, Question } from './thread.ts'

let methods: Methods | null = null

parentPort?.on('message', ({ number, name, args }: Question) => {
  parentPort?.postMessage(answerOf(number, name, args))
})

function answerOf(number: number, name: Question['name'], args: Question['args']): Answer {
  try {
    // At the first question: a store that cannot be opened is an answer.
    methods ??= methodsOf(new Database(workerData as DatabaseOptions))
    const method = methods[name] as (...args: unknown[]) => unknown
    return { number, value: method(...args) }
  } catch (error) {
    const { message, stack = message } = error as Error
    const code = error instanceof ManagerError ? error.code : null
    return { number, error: { code, message, stack } }
  }
}
