import { z } from 'zod'
import { Refused } from '../refused.ts'

/** What is to be replaced in a file, one after the other. */
export const replacements = z.array(
  z.object({
    target: z.string().min(1),
    replacement: z.string(),
    start_line: z.number().int().min(1).nullish(),
    end_line: z.number().int().min(1).nullish(),
    allow_multiple: z.boolean().default(false),
  }),
)

/**
 * Replaces texts, each within its lines.
 * @throws Refused where a text is not there, or is there more often than it may be
 */
export function replaced(text: string, chunks: z.output<typeof replacements>): string {
  let content = text
  for (const chunk of chunks) {
    const [start, end] = spanOf(content, chunk.start_line ?? 1, chunk.end_line ?? Infinity)
    const region = content.slice(start, end)
    const parts = region.split(chunk.target)
    const count = parts.length - 1
    if (count === 0) {
      throw new Refused(
        400,
        `Target string not found: ${JSON.stringify(chunk.target.slice(0, 100))}`,
      )
    }
    if (count > 1 && !chunk.allow_multiple) {
      const found = `Found ${count} occurrences of target string`
      throw new Refused(400, `${found} but allow_multiple is false`)
    }
    content = content.slice(0, start) + parts.join(chunk.replacement) + content.slice(end)
  }
  return content
}

/** Where lines begin and end, from 1, the last one too. */
function spanOf(text: string, first: number, last: number): [start: number, end: number] {
  let [start, end, at] = [first === 1 ? 0 : text.length, text.length, 0]
  for (let line = 1; at < text.length; line++) {
    const next = text.indexOf('\n', at)
    at = next < 0 ? text.length : next + 1
    if (line === first - 1) start = at
    if (line === last) {
      end = at
      break
    }
  }
  return [start, Math.max(start, end)]
}
