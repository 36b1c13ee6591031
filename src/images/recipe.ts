/** The identity of an image: the same recipe built by the same builder is the same image. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Runtime } from '../runtimes/definition.ts'

/** Raise it when the builder makes something else of the same recipe. */
const BUILDER_VERSION = 3

/** Twelve hexadecimal digits over everything that shapes the root file system. */
export function imageHash(runtime: Runtime): string {
  // Native files belong to the guest folder and the limit is only checked: neither shapes the image.
  const { native: _native, maxBytes: _maxBytes, ...shaping } = runtime.image
  const files = [shaping.npmLock, shaping.pipLock, ...Object.values(shaping.files)]
  return shortHash([
    JSON.stringify([BUILDER_VERSION, process.arch, shaping]),
    ...files.map((name) => (name ? readFileSync(join(runtime.folder, name)) : '')),
  ])
}

/** The parts are length-prefixed, so that moving a byte from one to the next changes the hash. */
export function shortHash(parts: (string | Buffer)[]): string {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}:`).update(part)
  return hash.digest('hex').slice(0, 12)
}
