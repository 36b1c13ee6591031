import type { Program, RunLimits, RunRequest } from './types.ts'

/** What an executor is given: a program, what it is run with, and all of its limits. */
export interface Task extends Program, Pick<RunRequest, 'stdin' | 'env' | 'files' | 'collect'> {
  readonly limits: RunLimits
}

/** Returns a task without input: a main that is called without arguments. */
export function plainTask(code: Buffer, limits: RunLimits): Task {
  return {
    code,
    mode: 'function',
    argumentsJson: Buffer.from('{}'),
    argv: [],
    stdin: null,
    env: {},
    files: [],
    collect: null,
    limits,
  }
}

/** Bytes that a task holds while it waits: code, arguments, input. */
export function bytesOfTask({ code, argumentsJson, stdin, files }: Task): number {
  const ofFiles = files.reduce((sum, { content }) => sum + content.length, 0)
  return code.length + argumentsJson.length + (stdin?.length ?? 0) + ofFiles
}
