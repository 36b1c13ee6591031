/** Runs shell commands inside a root file system that is being built. */
import { mayMount, runCommand } from '../lib/command.ts'

// A contained command has a mount namespace of its own, so these mounts end with it.
const MOUNT = 'mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev"'
// Without the right to mount (`docker build`) there is no /proc, and /dev has only /dev/null, which most shell
// scripts write to. Where device nodes cannot be made, it is a plain file until seal() removes it.
const NO_MOUNT =
  'rm -f "$1/dev/null" && { mknod -m 666 "$1/dev/null" c 1 3 2>/dev/null || { : >"$1/dev/null" && chmod 666 "$1/dev/null"; }; }'
const ENTER = 'shift 2 && exec "$@"'

export type ChrootOptions = {
  purpose: string
  remedy: string
  /** Runs the command as the user nobody; as root otherwise. */
  asNobody?: boolean
  env?: Record<string, string>
  timeoutMs?: number
}

/**
 * Runs a bash command with the root file system as its `/`.
 * @param rootfs absolute path
 * @returns what the command printed
 * @throws ManagerError SETUP_FAILED that names purpose and remedy
 */
export async function runInImage(
  rootfs: string,
  command: string,
  options: ChrootOptions,
): Promise<string> {
  const user = options.asNobody ? ['--userspec=65534:65534'] : []
  const env = Object.entries({
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    HOME: '/tmp',
    LANG: 'C.UTF-8',
    ...options.env,
  }).map(([name, value]) => `${name}=${value}`)
  const inside = ['/usr/bin/env', '-i', ...env, '/bin/bash', '-euc', command]
  const { asNobody: _asNobody, env: _env, ...rest } = options
  return runCommand(
    [
      'sh',
      '-euc',
      `${mayMount() ? MOUNT : NO_MOUNT} && ${ENTER}`,
      'sh',
      rootfs,
      '--',
      'chroot',
      ...user,
      rootfs,
      ...inside,
    ],
    { ...rest, contained: true },
  )
}
