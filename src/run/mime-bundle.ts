import { isJson } from '../lib/json-text.ts'
import type { MimeBundle } from './types.ts'

/** Deeper, and clients' JSON readers, or our own writer, may fail on the whole answer. */
const MAX_DEPTH = 100
const MAX_FORMS = 32
/** Longer than any registered one (RFC 6838: 127 characters for each half, none has half of that). */
const MAX_NAME = 127
const MEDIA_TYPE = /^[A-Za-z0-9][\w!#$&^.+-]*\/[A-Za-z0-9][\w!#$&^.+-]*$/

/**
 * Reads what a sandbox calls a MIME bundle: hostile bytes.
 * @param json should be the JSON text of an object, its members named by media type
 * @returns null when it is not that
 */
export function decodeBundle(json: Buffer): MimeBundle | null {
  if (!isJson(json, { depth: MAX_DEPTH })) return null
  const value: unknown = JSON.parse(json.toString('utf8'))
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null
  const names = Object.keys(value)
  const isBundle = names.length > 0 && names.length <= MAX_FORMS && names.every(isMediaType)
  return isBundle ? (value as MimeBundle) : null
}

function isMediaType(name: string): boolean {
  return name.length <= MAX_NAME && MEDIA_TYPE.test(name)
}

/** Returns what a bundle holds, roughly, in bytes. */
export function bytesOfBundle(bundle: MimeBundle): number {
  return Object.values(bundle).reduce(
    (sum: number, form) =>
      sum + (typeof form === 'string' ? form.length : JSON.stringify(form).length),
    0,
  )
}
