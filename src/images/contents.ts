import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { Runtime } from '../runtimes/definition.ts'
import type { ImageFacts } from './build.ts'

/** What an image holds, for callers. */
export interface ImageContents {
  /** Version of the language; null: not known. */
  readonly version: string | null
  /** The Debian packages that the recipe names, and what its lock files name. */
  readonly libraries: readonly { readonly name: string; readonly version: string | null }[]
}

/**
 * Reads which versions an image has from the facts that its build left beside it.
 * @param rootfs of the image, absolute
 */
export function imageContents(runtime: Runtime, rootfs: string): ImageContents {
  const facts = readFacts(path.join(path.dirname(rootfs), 'image.json'))
  const installed = new Map(facts.packages.map((line) => line.split(' ') as [string, string]))
  const { packages } = runtime.image
  // The package of the language has the same name as the runner's program.
  const program = path.basename(runtime.runner[0] ?? '')
  const { [program]: language, ...locked } = facts.libraries
  const libraries = [
    ...packages.map((name) => ({ name, version: installed.get(name) ?? null })),
    ...Object.entries(locked).map(([name, version]) => ({ name, version })),
  ]
  const version = language ?? installed.get(program) ?? null
  return { version: version?.match(/^(?:\d+:)?([\d.]*\d)/)?.[1] ?? null, libraries }
}

/** Reads the build's facts: Debian's packages with their versions, and the locked libraries. None when unreadable. */
function readFacts(file: string): Pick<ImageFacts, 'packages' | 'libraries'> {
  try {
    const { packages, libraries = {} } = JSON.parse(readFileSync(file, 'utf8')) as ImageFacts
    return { packages, libraries }
  } catch {
    return { packages: [], libraries: {} }
  }
}
