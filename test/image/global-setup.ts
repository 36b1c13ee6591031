import { spawnSync } from 'node:child_process'
import type { TestProject } from 'vitest/node'
import { DEBIAN_IMAGE, ensureDebianImage, ensureNodeImage, NODE_IMAGE } from './base-images.ts'
import { machineFlags, podmanAloud } from './podman.ts'

const IMAGE = 'localhost/executor-manager-test/executor-manager'

declare module 'vitest' {
  interface ProvidedContext {
    /** The built image and the flags that this machine needs; null where there can be no image. */
    image: { name: string; flags: readonly string[] } | null
  }
}

/** An image that is there already, to test it as it is. */
const GIVEN = process.env.EXECUTOR_MANAGER_TEST_IMAGE

/** Builds the image, or says in one line why that cannot be done here: the tests are skipped then. */
export default function setup({ provide }: TestProject): void {
  const machine = prepare()
  if ('why' in machine) {
    console.log(`image: skipped, ${machine.why}`)
    provide('image', null)
    return
  }
  if (GIVEN) {
    provide('image', { name: GIVEN, flags: machine.flags })
    return
  }
  podmanAloud(
    ...['build', ...machine.flags, '--pull=never', '--format=docker', '-f', 'deploy/Dockerfile'],
    ...['--build-arg', `BASE_IMAGE=${DEBIAN_IMAGE}`, '--build-arg', `NODE_IMAGE=${NODE_IMAGE}`],
    ...['-t', IMAGE, '.'],
  )
  provide('image', { name: IMAGE, flags: machine.flags })
}

/** What a build needs of this machine. */
function prepare(): { flags: readonly string[] } | { why: string } {
  if (spawnSync('podman', ['--version']).status !== 0) return { why: 'there is no podman' }
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
