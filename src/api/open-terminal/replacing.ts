import { z } from 'zod'

/** Of one request: each goes over the whole file. */
const MAX_REPLACEMENTS = 1000
const line = z
  .number()
  .int()
  .min(1)
  .max(2 ** 31)
  .nullish()

/** What is to be replaced in a file, one after the other. The sandbox does it. */
export const replacements = z
  .array(
    z.object({
      target: z.string().min(1),
      replacement: z.string(),
      start_line: line,
      end_line: line,
      allow_multiple: z.boolean().default(false),
    }),
  )
  .max(MAX_REPLACEMENTS)
