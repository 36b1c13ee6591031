import { isPlainPath } from '../lib/plain-path.ts'
import type { ArtifactFile, LeftOutFile } from './record.ts'
import type { LeftOut, OutputFile, RunLimits } from './types.ts'

/**
 * Returns the files of an outcome. The supervisor keeps to these rules too, but a program may have spoken in its
 * place, so each file is looked at again: a relative UTF-8 path, nothing hidden, not too large, not too
 * many, no path twice.
 */
export function acceptFiles(
  sent: readonly ArtifactFile[],
  alreadyLeftOut: readonly LeftOutFile[],
  limits: RunLimits,
): { files: OutputFile[]; leftOut: LeftOut[] } {
  const accepted = new Map<string, Buffer>()
  const leftOut: LeftOut[] = []
  for (const { path: bytes, content } of sent) {
    const path = decodePath(bytes)
    const size = content.length
    if (path === null) leftOut.push({ path: shown(bytes), size, reason: 'name' })
    else if (size > limits.artifactBytes) leftOut.push({ path, size, reason: 'size' })
    else if (accepted.size === limits.artifacts) leftOut.push({ path, size, reason: 'number' })
    else if (!accepted.has(path)) accepted.set(path, content)
  }
  leftOut.push(...alreadyLeftOut.map((file) => ({ ...file, path: shown(file.path) })))
  const files = [...accepted].map(([path, content]) => ({ path, content }))
  return { files, leftOut }
}

/** @returns null for a path that is no UTF-8, not relative, or means something to whoever stores the file */
function decodePath(bytes: Buffer): string | null {
  const path = bytes.toString('utf8')
  if (!Buffer.from(path, 'utf8').equals(bytes)) return null
  return isPlainPath(path) ? path : null
}

function shown(path: Buffer): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is replaced
  return path.toString('utf8').replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, '\ufffd')
}
