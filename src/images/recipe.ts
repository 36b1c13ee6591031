/** Computes the hash that identifies an image. The same recipe and the same builder give the same image. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Runtime } from '../runtimes/definition.ts'

/** Raise it when a change of the builder changes the image that a recipe gives. */
const BUILDER_VERSION = 3

/** Returns twelve hexadecimal digits: the hash of everything that the root file system depends on. */
export function imageHash(runtime: Runtime): string {
  // Native files lie in the guest's folder, and maxBytes is only checked: the image depends on neither.
  const { native: _native, maxBytes: _maxBytes, ...shaping } = runtime.image
  const files = [shaping.npmLock, shaping.pipLock, ...Object.values(shaping.files)]
  return shortHash([
    JSON.stringify([BUILDER_VERSION, process.arch, shaping]),
    ...files.map((name) => (name ? readFileSync(join(runtime.folder, name)) : '')),
  ])
}

/** Hashes the parts, each with its length in front: a byte that moves from one part to the next changes the hash. */
export function shortHash(parts: (string | Buffer)[]): string {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}:`).update(part)
  return hash.digest('hex').slice(0, 12)
}
