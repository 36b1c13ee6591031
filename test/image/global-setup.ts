import { spawnSync } from 'node:child_process'
import { statfsSync } from 'node:fs'
import type { TestProject } from 'vitest/node'
import { DEBIAN_IMAGE, ensureDebianImage, ensureNodeImage, NODE_IMAGE } from './base-images.ts'
import { HOME_IN_IMAGE, makeDataFolder, removeDataFolder } from './data-folder.ts'
import { machineFlags, podmanAloud } from './podman.ts'

const IMAGE = 'localhost/executor-manager-test/executor-manager'
const GIB = 1024 ** 3

declare module 'vitest' {
  interface ProvidedContext {
    /**
     * The built image, the flags that this machine needs, and a data folder to mount where the image has none of its
     * own; null where there can be no image.
     */
    image: { name: string; flags: readonly string[]; data: string | null } | null
  }
}

/**
 * Which image is tested. By default one is built from deploy/Dockerfile with this machine's data folder mounted,
 * which spares the minutes and the gigabytes of building language images inside and of copying them from layer to
 * layer. `whole` builds it as users do. Any other text names an image that is there already.
 */
const WHICH = process.env.EXECUTOR_MANAGER_TEST_IMAGE ?? 'light'
/**
 * Free space that a build takes at most. A layer is on the disk four times while it is committed (container, two
 * archives, layer), and the whole image has its language images in two stages.
 */
const NEEDED_GIB: Readonly<Record<string, number>> = { light: 4, whole: 14 }

/** Builds the image, or says in one line why that cannot be done here: the tests are skipped then. */
export default function setup({ provide }: TestProject): (() => void) | undefined {
  const machine = prepare()
  if ('why' in machine) {
    console.log(`image: skipped, ${machine.why}`)
    provide('image', null)
    return
  }
  const { flags } = machine
  if (!(WHICH in NEEDED_GIB)) {
    provide('image', { name: WHICH, flags, data: null })
    return
  }
  const data = WHICH === 'light' ? makeDataFolder() : null
  const remove = () => {
    spawnSync('podman', ['rmi', '--force', IMAGE])
    if (data) removeDataFolder(data)
  }
  try {
    build(flags, data)
  } catch (error) {
    remove()
    throw error
  }
  provide('image', { name: IMAGE, flags, data })
  return remove
}

function build(flags: readonly string[], data: string | null): void {
  // Of the mounted folder the build sees a copy: what it writes there is thrown away.
  const mounted = ['--build-arg=RUNSC_DOWNLOAD=none', `--volume=${data}:${HOME_IN_IMAGE}:O`]
  podmanAloud(
    ...['build', ...flags, '--pull=never', '--format=docker', '-f', 'deploy/Dockerfile'],
    // Stages and steps that nothing is made of later are not kept.
    ...['--layers=false', '--force-rm', ...(data ? mounted : [])],
    ...['--build-arg', `BASE_IMAGE=${DEBIAN_IMAGE}`, '--build-arg', `NODE_IMAGE=${NODE_IMAGE}`],
    ...['-t', IMAGE, '.'],
  )
}

/** What a build needs of this machine. */
function prepare(): { flags: readonly string[] } | { why: string } {
  if (spawnSync('podman', ['--version']).status !== 0) return { why: 'there is no podman' }
  // One that an earlier run has left.
  spawnSync('podman', ['rmi', '--force', IMAGE])
  const lack = lackOfSpace()
  if (lack) return { why: lack }
  try {
    ensureDebianImage()
    const machine = machineFlags(DEBIAN_IMAGE)
    if ('flags' in machine) ensureNodeImage(machine.flags)
    return machine
  } catch (error) {
    const why = (error as Error).message.split('\n')[0]
    return { why: `no base image can be made: ${why}` }
  }
}

function lackOfSpace(): string | null {
  const needed = NEEDED_GIB[WHICH]
  if (needed === undefined) return null
  const info = ['info', '--format', '{{.Store.GraphRoot}}']
  const store = spawnSync('podman', info, { encoding: 'utf8' }).stdout.trim()
  // Where podman keeps layers, and where it packs them.
  for (const folder of [store || '/var/lib/containers', process.env.TMPDIR ?? '/var/tmp']) {
    const { bavail, bsize } = statfsSync(folder)
    const free = (bavail * bsize) / GIB
    if (free < needed) return `${needed} GiB needed in ${folder}, ${free.toFixed(1)} GiB free`
  }
  return null
}
