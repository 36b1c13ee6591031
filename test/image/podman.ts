import { execFile, execFileSync, spawnSync } from 'node:child_process'
import { promisify } from 'node:util'

/** Podman's command line, as the tests use it. It reads Dockerfiles and takes Docker's options. */

const execute = promisify(execFile)
const OUTPUT_BYTES = 64 << 20

/**
 * What a machine may need where limits cannot be raised, as in some virtual machines. They belong to the
 * machine that tests, not to the product.
 */
const MACHINES: readonly (readonly string[])[] = [
  [],
  ['--runtime', 'runc'],
  ['--runtime', 'runc', '--ulimit', 'nofile=10000:10000', '--ulimit', 'nproc=30000:30000'],
]

/** @throws Error with podman's own words */
export async function podman(...args: readonly string[]): Promise<string> {
  try {
    return (await execute('podman', [...args], { maxBuffer: OUTPUT_BYTES })).stdout.trim()
  } catch (error) {
    const { stderr } = error as { stderr?: string }
    throw new Error(`podman ${args.join(' ')}: ${stderr || (error as Error).message}`)
  }
}

/** What a container has written, standard error included. */
export async function podmanLogs(container: string): Promise<string> {
  const { stdout, stderr } = await execute('podman', ['logs', container], {
    maxBuffer: OUTPUT_BYTES,
  })
  return stdout + stderr
}

/** The same, its output to the terminal: a build takes minutes. */
export function podmanAloud(...args: readonly string[]): void {
  execFileSync('podman', [...args], { stdio: ['ignore', 'inherit', 'inherit'] })
}

/** The flags with which a container starts on this machine, or why none does. */
export function machineFlags(image: string): { flags: readonly string[] } | { why: string } {
  let why = ''
  for (const flags of MACHINES) {
    const { status, stderr } = spawnSync('podman', ['run', '--rm', ...flags, image, 'true'], {
      encoding: 'utf8',
    })
    if (status === 0) return { flags }
    why = stderr.trim().split('\n').at(-1) ?? ''
  }
  return { why }
}
