import { extname } from 'node:path'
import type { RunLimits } from '../config.ts'
import type { Artifact } from '../contract/code-result.ts'
import type { ArtifactFile } from '../supervisor/protocol.ts'

const MIME_TYPES: Readonly<Record<string, string>> = {
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.svg': 'image/svg+xml',
  '.pdf': 'application/pdf',
  '.csv': 'text/csv',
  '.json': 'application/json',
  '.html': 'text/html',
}

/**
 * The artifacts of an answer. The supervisor keeps to these rules too, but a program may have spoken
 * in its place, so each file is looked at again: a plain UTF-8 name with a known extension, not
 * empty, not too large. What does not fit, and a second file of the same name, is left out.
 */
export function acceptArtifacts(files: readonly ArtifactFile[], limits: RunLimits): Artifact[] {
  const accepted = new Map<string, Artifact>()
  for (const { name: nameBytes, content } of files) {
    const name = decodeName(nameBytes)
    const mimeType = name === null ? undefined : MIME_TYPES[extname(name).toLowerCase()]
    if (name === null || !mimeType || accepted.has(name)) continue
    if (content.length === 0 || content.length > limits.artifactBytes) continue
    if (accepted.size === limits.artifacts) break
    accepted.set(name, {
      name,
      mime_type: mimeType,
      size: content.length,
      content,
    })
  }
  return [...accepted.values()]
}

function decodeName(bytes: Buffer): string | null {
  const name = bytes.toString('utf8')
  if (!Buffer.from(name, 'utf8').equals(bytes)) return null
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
  const forbidden = /^\.|\.\.|[/\\\u0000-\u001f\u007f]/
  return forbidden.test(name) || name === '' ? null : name
}
