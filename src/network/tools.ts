/** The programs that make links and rules: ip(8), nft(8), conntrack(8). */

import { spawn } from 'node:child_process'
import { ManagerError } from '../errors.ts'
import { scaledMs } from '../lib/time-scale.ts'

const TIMEOUT_MS = scaledMs(10_000)
const ERRORS_KEPT_BYTES = 2000

/**
 * Runs a program with this text as its standard input.
 * @param signal kills it, whatever it does
 * @returns its standard output
 * @throws ManagerError NETWORK_FAILED with what it said
 */
export function feed(
  command: readonly string[],
  input: string,
  signal: AbortSignal | null = null,
): Promise<string> {
  const [file, ...args] = command as [string, ...string[]]
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C.UTF-8' },
      timeout: TIMEOUT_MS,
      killSignal: 'SIGKILL',
    })
    let output = ''
    let errors = ''
    const fail = (why: string) =>
      reject(new ManagerError('NETWORK_FAILED', `network: ${command.join(' ')}: ${why}`))
    child.on('error', (error) => fail(error.message))
    child.stdin.on('error', () => {})
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString('utf8')
    })
    child.stderr.on('data', (chunk: Buffer) => {
      errors = (errors + chunk.toString('utf8')).slice(-ERRORS_KEPT_BYTES)
    })
    const onAbort = () => {
      child.kill('SIGKILL')
      fail('given up')
    }
    if (signal?.aborted) onAbort()
    signal?.addEventListener('abort', onAbort, { once: true })
    child.on('close', (code, killedBy) => {
      signal?.removeEventListener('abort', onAbort)
      if (code === 0) resolve(output)
      else fail(errors.trim() || `ended with ${code ?? killedBy}`)
    })
    child.stdin.end(input)
  })
}

export const nft = (commands: string, signal: AbortSignal | null = null) =>
  feed(['nft', '-f', '-'], commands, signal)

export const ip = (commands: readonly string[], signal: AbortSignal | null = null) =>
  feed(['ip', '-batch', '-'], `${commands.join('\n')}\n`, signal)

/** The command that runs this one in a network namespace. */
export function inNamespace(namespaceFile: string, command: readonly string[]): string[] {
  return ['nsenter', `--net=${namespaceFile}`, '--', ...command]
}
