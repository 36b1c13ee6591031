import type { FastifyRequest } from 'fastify'
import { Refused } from '../../refused.ts'

const PREFIX = 'x-metadata-'
const NAMESPACE_BYTES = 'user.e2b.'.length
/** Of a name of an attribute, beside its namespace (xattr(7)). */
const MOST_NAME_BYTES = 255 - NAMESPACE_BYTES
/** Of all of one file: names, their namespaces and values. */
const MOST_BYTES = 4096
const PRINTABLE = /^[\x20-\x7e]*$/

/**
 * Returns what the headers `X-Metadata-NAME` say of a file that is sent. Of one that is sent twice the first counts.
 * @throws Refused 400
 */
export function metadataIn({ raw }: FastifyRequest): Record<string, string> {
  const metadata = new Map<string, string>()
  let bytes = 0
  for (let at = 0; at + 1 < raw.rawHeaders.length; at += 2) {
    const header = (raw.rawHeaders[at] as string).toLowerCase()
    const name = header.slice(PREFIX.length)
    if (!header.startsWith(PREFIX) || metadata.has(name)) continue
    const value = raw.rawHeaders[at + 1] as string
    if (name === '' || name.length > MOST_NAME_BYTES || !PRINTABLE.test(name)) {
      throw new Refused(
        400,
        `invalid metadata key: 1 to ${MOST_NAME_BYTES} printable characters are expected`,
      )
    }
    if (!PRINTABLE.test(value)) {
      throw new Refused(400, `invalid metadata value of '${name}': printable US-ASCII is expected`)
    }
    bytes += NAMESPACE_BYTES + name.length + value.length
    if (bytes > MOST_BYTES)
      throw new Refused(400, `the metadata is larger than ${MOST_BYTES} bytes`)
    metadata.set(name, value)
  }
  return Object.fromEntries(metadata)
}
