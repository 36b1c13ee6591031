import { spawn } from 'node:child_process'
import path from 'node:path'
import { projectDir } from '../../src/config.ts'

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface CommandOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  readonly input?: string
  /** Is told of stdout as it comes, with what sends the command a signal. */
  readonly onOutput?: (text: string, kill: (signal: NodeJS.Signals) => void) => void
}

const PROGRAM = path.join(projectDir(), 'cli/bin.mjs')

/** Runs `executor-manager` to its end, with no setting of the test's own environment. */
export function commandLine(words: readonly string[], options: CommandOptions = {}) {
  return runCommand(process.execPath, [PROGRAM, ...words], options)
}

/** Runs a program to its end. */
export function runCommand(
  program: string,
  words: readonly string[],
  { env = {}, cwd, input = '', onOutput }: CommandOptions = {},
): Promise<Ended> {
  const { EXECUTOR_MANAGER_URL: _, EXECUTOR_MANAGER_API_KEY: __, ...inherited } = process.env
  const child = spawn(program, words, { env: { ...inherited, ...env }, ...(cwd ? { cwd } : {}) })
  const said = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8')
    child[name].on('data', (text: string) => {
      said[name] += text
      if (name === 'stdout') onOutput?.(said.stdout, (signal) => child.kill(signal))
    })
  }
  // A command that reads no input may end before it is written.
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, ...said }))
  })
}
