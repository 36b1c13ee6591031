import { posix } from 'node:path'
import type { Artifact } from '../api/ragflow/code-result.ts'
import type { ArtifactFile, LeftOutFile, LeftOutReason } from '../supervisor/protocol.ts'
import { mediaTypeOf } from './media-types.ts'
import type { RunLimits } from './types.ts'

/** A file that is not in the answer, with a path that can be shown. */
export interface LeftOut {
  readonly path: string
  readonly size: number
  readonly reason: LeftOutReason
}

/**
 * The artifacts of an answer, under names without folders. The supervisor keeps to these rules too, but
 * a program may have spoken in its place, so each file is looked at again: a relative UTF-8 path, nothing
 * hidden, not too large, not too many, no path twice.
 */
export function acceptArtifacts(
  files: readonly ArtifactFile[],
  alreadyLeftOut: readonly LeftOutFile[],
  limits: RunLimits,
): { artifacts: Artifact[]; leftOut: LeftOut[] } {
  const accepted = new Map<string, Buffer>()
  const leftOut: LeftOut[] = []
  for (const { path: bytes, content } of files) {
    const path = decodePath(bytes)
    const size = content.length
    if (path === null) leftOut.push({ path: shown(bytes), size, reason: 'name' })
    else if (size > limits.artifactBytes) leftOut.push({ path, size, reason: 'size' })
    else if (accepted.size === limits.artifacts) leftOut.push({ path, size, reason: 'number' })
    else if (!accepted.has(path)) accepted.set(path, content)
  }
  leftOut.push(...alreadyLeftOut.map((file) => ({ ...file, path: shown(file.path) })))
  const names = flatNames([...accepted.keys()])
  const artifacts = [...accepted].map(([path, content], index) => ({
    name: names[index] as string,
    mime_type: mediaTypeOf(path),
    size: content.length,
    content,
  }))
  return { artifacts, leftOut }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
const FORBIDDEN = /^\.|\.\.|[\\\u0000-\u001f\u007f]/

/** @returns null for a path that is no UTF-8, not relative, or means something to whoever stores the file */
function decodePath(bytes: Buffer): string | null {
  const path = bytes.toString('utf8')
  if (!Buffer.from(path, 'utf8').equals(bytes)) return null
  const isPlain = path.split('/').every((part) => part !== '' && !FORBIDDEN.test(part))
  return isPlain ? path : null
}

function shown(path: Buffer): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is replaced
  return path.toString('utf8').replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, '\ufffd')
}

/**
 * One name for each path: its last part, with its folders in front, joined by `-`, where two would be
 * the same.
 */
function flatNames(paths: readonly string[]): string[] {
  const counts = new Map<string, number>()
  for (const path of paths) {
    const base = posix.basename(path)
    counts.set(base, (counts.get(base) ?? 0) + 1)
  }
  const taken = new Set<string>()
  return paths.map((path) => {
    const base = posix.basename(path)
    const wanted = counts.get(base) === 1 ? base : path.replaceAll('/', '-')
    let name = wanted
    for (let number = 2; taken.has(name); number++) name = `${number}-${wanted}`
    taken.add(name)
    return name
  })
}
