/** The programs that make links and rules: ip(8), nft(8), conntrack(8). */
import { ManagerError } from '../errors.ts'
import { exec, SYSTEM_ENV } from '../lib/exec.ts'
import { scaledMs } from '../lib/time-scale.ts'

const TIMEOUT_MS = scaledMs(10_000)
const ERRORS_TOLD_CHARACTERS = 2000

/**
 * Runs a program with this text as its standard input.
 * @param signal kills it, whatever it does
 * @returns its standard output
 * @throws ManagerError NETWORK_FAILED with what it said
 */
export async function feed(
  command: readonly string[],
  input: string,
  signal: AbortSignal | null = null,
): Promise<string> {
  const options = { input, signal, env: SYSTEM_ENV, timeoutMs: TIMEOUT_MS }
  const { stdout, stderr, failure } = await exec(command, options)
  if (failure === null) return stdout
  const why = stderr.slice(-ERRORS_TOLD_CHARACTERS).trim() || failure
  throw new ManagerError('NETWORK_FAILED', `network: ${command.join(' ')}: ${why}`)
}

/** Runs nft(8) on these commands, which all take effect, or none of them. */
export const nft = (commands: string, signal: AbortSignal | null = null) =>
  feed(['nft', '-f', '-'], commands, signal)

/** Runs ip(8) on these commands, one after the other up to the first that fails. */
export const ip = (commands: readonly string[], signal: AbortSignal | null = null) =>
  feed(['ip', '-batch', '-'], `${commands.join('\n')}\n`, signal)

/** Returns the command that runs this one in a network namespace. */
export function inNamespace(namespaceFile: string, command: readonly string[]): string[] {
  return ['nsenter', `--net=${namespaceFile}`, '--', ...command]
}
