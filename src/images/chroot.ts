/** Runs shell commands inside a root file system that is being built. */
import { mayMount, runCommand } from '../lib/command.ts'

// The mounts live in the private mount namespace of a contained command and vanish with it.
const MOUNT = 'mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev"'
// Without the right to mount (`docker build`) there is no /proc, and of /dev what every shell script
// writes to. Where device nodes cannot be made either, a file stands for it until the image is sealed.
const NO_MOUNT =
  'rm -f "$1/dev/null" && { mknod -m 666 "$1/dev/null" c 1 3 2>/dev/null || { : >"$1/dev/null" && chmod 666 "$1/dev/null"; }; }'
const ENTER = 'shift 2 && exec "$@"'

export type ChrootOptions = {
  purpose: string
  remedy: string
  /** Without it the command runs as root. */
  asNobody?: boolean
  env?: Record<string, string>
  timeoutMs?: number
}

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
