import { mkdirSync } from 'node:fs'
import { readConfig } from '../../src/config.ts'

/** The data folder that everybody uses. */
export const realHome = readConfig({
  EXECUTOR_MANAGER_HOME: process.env.EXECUTOR_MANAGER_HOME,
}).home

const MOUNT = `
disk=$1 size=$2 home=$3; shift 3
mount -t tmpfs -o "size=$size" tmpfs "$disk"
mkdir -p "$disk/run" "$disk/upper" "$disk/work" /run/executor-manager
mount --bind "$disk/run" /run/executor-manager
mount -t overlay -o "lowerdir=$home,upperdir=$disk/upper,workdir=$disk/work" overlay "$home"
`

/**
 * For startService(): all that the service writes, of its sandboxes and into the data folder, lands on a
 * disk of its own. Where things lie does not change, as a snapshot holds the paths of its image.
 * @param disk where that disk is mounted, for the service only
 * @param output redirections for the shell
 */
export function onOwnDisk(disk: string, size: string, output = ''): string[] {
  mkdirSync(disk)
  const script = `${MOUNT}exec "$@" ${output}`
  return ['unshare', '--mount', 'sh', '-ec', script, 'sh', disk, size, realHome]
}
