import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { Runtime } from './definition.ts'

/** What an image holds, for callers. */
export interface ImageContents {
  /** Of the language; null: not known. */
  readonly version: string | null
  /** The packages that the recipe names. */
  readonly libraries: readonly { readonly name: string; readonly version: string | null }[]
}

/**
 * Reads which versions an image has from the facts that its build left beside it.
 * @param rootfs of the image, absolute
 */
export function imageContents(runtime: Runtime, rootfs: string): ImageContents {
  const { packages, npm } = runtime.image
  const installed = installedVersions(path.join(path.dirname(rootfs), 'image.json'))
  const libraries = [
    ...packages.map((name) => ({ name, version: installed.get(name) ?? null })),
    ...Object.entries(npm).map(([name, version]) => ({ name, version })),
  ]
  // The language is in the package that has the name of the runner's program.
  const program = path.basename(runtime.runner[0] ?? '')
  const version = npm[program] ?? installed.get(program) ?? null
  return { version: version?.match(/^(?:\d+:)?([\d.]*\d)/)?.[1] ?? null, libraries }
}

/** Debian's packages and their versions; none where the facts cannot be read. */
function installedVersions(file: string): Map<string, string> {
  try {
    const { packages } = JSON.parse(readFileSync(file, 'utf8')) as { packages: string[] }
    return new Map(packages.map((line) => line.split(' ') as [string, string]))
  } catch {
    return new Map()
  }
}
