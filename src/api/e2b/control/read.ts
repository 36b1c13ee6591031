import type { FastifyRequest } from 'fastify'
import type { z } from 'zod'
import { readValue } from '../../json-value.ts'
import { Refused } from '../../refused.ts'
import type { Body } from '../../uploads.ts'
import { issuesOf } from '../../v1/read-run.ts'

/** Small enough to be read in place: its values are counted. */
const MAX_BODY_BYTES = 256 * 1024

/**
 * Reads a body of JSON; one that is missing or empty is an empty object.
 * @throws Refused 400, 413
 */
export function readBody<T extends z.ZodType>(request: FastifyRequest, schema: T): z.infer<T> {
  const body = (request.body ?? null) as Body | null
  try {
    if (body && body.bytes > MAX_BODY_BYTES) throw new Refused(413, 'The body is too large.')
    const bytes = body ? Buffer.concat(body.takeBlocks()) : Buffer.alloc(0)
    const parsed = schema.safeParse(bytes.length === 0 ? {} : valueIn(bytes))
    if (parsed.success) return parsed.data
    const [issue] = issuesOf(parsed.error, '')
    const member = issue?.pointer.slice(1).replaceAll('/', '.') || 'The body'
    throw new Refused(400, `${member}: ${issue?.detail ?? 'is not valid'}`)
  } finally {
    body?.entry.release()
  }
}

function valueIn(bytes: Buffer): unknown {
  const json = readValue(bytes)
  if ('wrong' in json) throw new Refused(400, `The body ${json.wrong}.`)
  return json.value
}
