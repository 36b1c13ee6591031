import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import { Refused } from '../refused.ts'
import type { Body } from '../uploads.ts'
import { env } from '../v1/session-schema.ts'

const MAX_BODY_BYTES = 64 * 1024

const asked = z.object({
  name: z.string().nullable().default(null),
  env: env.optional(),
})

/**
 * Tells whether a client starts a kernel as Open WebUI does: it sends nothing at all, and aiohttp calls that octets.
 * Such a kernel runs one program.
 */
export function isUnnamed({ headers, body }: FastifyRequest): boolean {
  const bytes = ((body ?? null) as Body | null)?.bytes ?? 0
  return bytes === 0 && headers['content-type'] === 'application/octet-stream'
}

/**
 * Reads what a client says of the kernel that it starts.
 * @throws Refused
 */
export function readAsked(request: FastifyRequest): {
  name: string | null
  env: Record<string, string>
} {
  const { name, env: variables } = readBody(request, asked) ?? { name: null }
  return { name, env: variables ?? {} }
}

/**
 * Reads a small body of JSON.
 * @returns null: it is empty
 * @throws Refused
 */
export function readBody<T extends z.ZodType>(
  request: FastifyRequest,
  schema: T,
  mostBytes = MAX_BODY_BYTES,
): z.output<T> | null {
  const body = (request.body ?? null) as Body | null
  if (body === null) return null
  try {
    if (body.bytes > mostBytes) throw new Refused(413, 'The body is too large.')
    const text = Buffer.concat(body.takeBlocks()).toString()
    if (text.trim() === '') return null
    const read = schema.safeParse(jsonIn(text))
    if (read.success) return read.data
    const [issue] = read.error.issues
    throw new Refused(400, `${issue?.path.join('.') || 'The body'}: ${issue?.message}`)
  } finally {
    body.entry.release()
  }
}

/** Has the body of a request, which nobody reads, go. */
export function drop({ body }: FastifyRequest): void {
  ;(body as Body | null | undefined)?.entry.release()
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new Refused(400, 'Invalid JSON in body of request')
  }
}
