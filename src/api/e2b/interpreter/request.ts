import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import { bodyValue } from '../../body-value.ts'
import type { ParsingThread } from '../../parsing-thread.ts'
import { Refused } from '../../refused.ts'
import type { Body } from '../../uploads.ts'
import { issuesOf } from '../../v1/read-run.ts'
import { text } from '../../v1/session-schema.ts'

const MOST_BYTES = 8 * 1024 * 1024
const MOST_VARIABLES = 256
const NAME = /^[A-Za-z_]\w{0,127}$/

const variables = z
  .record(z.string().regex(NAME, 'must be a name of a variable'), text)
  .refine((value) => Object.keys(value).length <= MOST_VARIABLES, 'must have at most 256 members')

/** What clients send to run code. Python's send null for what is not said. */
export const execution = z.object({
  code: z.string(),
  context_id: z.string().max(64).nullish(),
  language: z.string().max(64).nullish(),
  env_vars: variables.nullish(),
})

/** What they send to make a context. */
export const newContext = z.object({
  language: z.string().max(64).nullish(),
  cwd: z
    .string()
    .max(4096)
    .refine((path) => !/\p{Cc}/u.test(path), 'must not contain control characters')
    .nullish(),
})

/**
 * Reads a JSON body. Its bytes stay on their caller's account until the body is released.
 * @throws Refused 400, 413; what bodyValue() throws
 */
export async function readBody<T extends z.ZodType>(
  request: FastifyRequest,
  schema: T,
  parsing: ParsingThread,
): Promise<z.infer<T>> {
  const body = (request.body ?? null) as Body | null
  if (body === null) throw new Refused(400, 'The request has no body.')
  if (body.bytes > MOST_BYTES) {
    throw new Refused(
      413,
      `The body has more than ${MOST_BYTES} bytes: write large files by /files.`,
    )
  }
  const json = (await bodyValue(request, parsing)) ?? { wrong: 'is not valid JSON' }
  if ('wrong' in json) throw new Refused(400, `The body ${json.wrong}.`)
  const parsed = schema.safeParse(json.value)
  if (parsed.success) return parsed.data
  const issues = issuesOf(parsed.error, '')
  const said = issues.map(({ pointer, detail }) => `${pointer.slice(1)} ${detail}`.trim())
  throw new Refused(400, `${said.join('; ')}.`)
}

/** Gives the bytes of a body back, where there is one. */
export function releaseBody({ body }: FastifyRequest): void {
  ;(body as Body | null | undefined)?.entry.release()
}
