import { z } from 'zod'
import { outcome, STATUSES } from './answer-schema.ts'
import { inputFile, run } from './request-schema.ts'
import { env, time } from './session-schema.ts'

/** What a request about contexts and runs in a session may say, and what is answered. */

const language = run.shape.language
const MOST_WALL_MS = 24 * 3_600_000

export const contextRequest = z
  .strictObject({
    language: language.unwrap().describe('A language of the template, such as python.'),
    cwd: z
      .string()
      .max(4096)
      .refine((path) => !/\p{Cc}/u.test(path), 'must not contain control characters')
      .default('')
      .describe('The folder that it begins in: from the home, unless it is absolute.'),
    env: env.describe('Added to the variables of the session.'),
  })
  .meta({ id: 'ContextRequest' })

export const sessionRun = z
  .strictObject({
    code: z.string().describe('The source, as plain text.'),
    context: z
      .string()
      .max(64)
      .optional()
      .describe('Id of a context; by default the default context of the language.'),
    language: language.describe(
      'Whose default context runs it, where no context is said; by default the first language of the template.',
    ),
    mode: z
      .enum(['script', 'function', 'cell'])
      .default('cell')
      .describe('As of a Run; all modes share the variables of the context.'),
    arguments: run.shape.arguments,
    argv: run.shape.argv,
    stdin: run.shape.stdin,
    files: z
      .array(inputFile)
      .max(256)
      .default([])
      .describe('Files that are put into the folder of the context before the program starts.'),
    wall_ms: z
      .int()
      .min(1)
      .max(MOST_WALL_MS)
      .default(60_000)
      .describe(
        'Wall time in milliseconds. A program that reaches it is interrupted, and its context is ended if that does not help.',
      ),
    wait: z
      .boolean()
      .default(true)
      .describe('Whether it waits where the context runs something. If not, the answer is 409.'),
  })
  .meta({ id: 'SessionRun' })

export const context = z
  .strictObject({
    id: z.string(),
    language: z.string(),
    state: z
      .enum(['new', 'idle', 'busy', 'lost'])
      .describe(
        'new: its process is started with its first run. lost: its process has ended, and its variables are gone; the next run starts another.',
      ),
    cwd: z.string().describe('The folder that it began in.'),
    execution_count: z.int().nonnegative(),
    waiting: z.int().nonnegative().describe('Runs that wait for their turn.'),
    created_at: time,
  })
  .meta({ id: 'Context' })

export const contextList = z
  .strictObject({ contexts: z.array(context) })
  .meta({ id: 'ContextList' })

export const interrupted = z
  .strictObject({ interrupted: z.boolean().describe('Whether something ran.') })
  .meta({ id: 'Interrupted' })

export const sessionOutcome = z
  .strictObject({
    ...outcome.shape,
    status: z.enum(STATUSES).describe('As of an Outcome. lost: the session has ended before it.'),
    files: outcome.shape.files.describe(
      'None: what the program made is among the session’s files.',
    ),
    context: z.string().describe('Id of the context that ran it.'),
    execution_count: z.int().positive().describe('Of runs in the process of the context.'),
    context_lost: z
      .boolean()
      .describe(
        'Whether the process of the context has ended with it, and its variables with that.',
      ),
  })
  .meta({ id: 'SessionOutcome' })

export type ContextAnswer = z.infer<typeof context>
