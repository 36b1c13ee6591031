import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import { readValue } from '../json-value.ts'
import { Refused } from '../refused.ts'
import type { Body } from '../uploads.ts'
import { env } from '../v1/session-schema.ts'

const MAX_BODY_BYTES = 64 * 1024

const asked = z.object({
  name: z.string().nullable().default(null),
  env: z.record(z.string(), z.unknown()).default({}),
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
 * Reads what a client says of the kernel that it starts. Of the variables those are taken that a Jupyter gateway takes
 * too, KERNEL_*: JupyterLab sends all that it has.
 * @throws Refused
 */
export function readAsked(request: FastifyRequest): {
  name: string | null
  env: Record<string, string>
} {
  const { name, env: given } = readBody(request, asked) ?? asked.parse({})
  const ofKernel = Object.entries(given).filter(([key]) => key.startsWith('KERNEL_'))
  const variables = env.safeParse(Object.fromEntries(ofKernel))
  if (!variables.success) throw new Refused(400, `env: ${variables.error.issues[0]?.message}`)
  return { name, env: variables.data }
}

/**
 * Reads a small body of JSON.
 * @returns null: it is empty
 * @throws Refused
 */
export function readBody<T extends z.ZodType>(
  request: FastifyRequest,
  schema: T,
): z.output<T> | null {
  const body = (request.body ?? null) as Body | null
  if (body === null) return null
  try {
    if (body.bytes > MAX_BODY_BYTES) throw new Refused(413, 'The body is too large.')
    const bytes = Buffer.concat(body.takeBlocks())
    if (bytes.toString().trim() === '') return null
    const json = readValue(bytes)
    if ('wrong' in json) throw new Refused(400, `Invalid JSON in body of request: it ${json.wrong}`)
    const read = schema.safeParse(json.value)
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
