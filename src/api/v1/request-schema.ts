import { z } from 'zod'
import { SECRET } from '../../jobs/signature.ts'
import { MAX_PATH_BYTES, PLAIN_PATH } from '../../lib/plain-path.ts'

/**
 * What a request may say. These schemas are the only description: bodies are checked by them, and the
 * OpenAPI document is made from them.
 */

const NAME = /^[A-Za-z][\w.-]{0,63}$/
/** No zero byte: the kernel takes arguments and the environment as C strings. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: it is what is refused
const C_STRING = /^[^\u0000]*$/
const MAX_TEXT = 32 * 1024
export const MAX_FILES = 256
export const MAX_BATCH = 100

const positive = z.int().positive()

export const inputFile = z
  .strictObject({
    path: z
      .string()
      .max(MAX_PATH_BYTES)
      .regex(
        PLAIN_PATH,
        'must be a relative path without hidden or empty parts, .. and backslashes',
      )
      .describe('Where it is put, from the working directory; folders are made.'),
    content: z.string().optional().describe('The content as text.'),
    content_base64: z.string().optional().describe('The content in base64, instead of content.'),
  })
  .refine(
    ({ content, content_base64: base64 }) => (content === undefined) !== (base64 === undefined),
    'must have either content or content_base64',
  )
  .meta({ id: 'InputFile' })

export const limits = z
  .strictObject({
    wall_ms: positive.optional().describe('Wall time in milliseconds.'),
    cpu_ms: positive
      .optional()
      .describe('Processor time in milliseconds, of all processes of the run together.'),
    memory_mb: positive.optional().describe('Memory in MiB, beyond what the idle executor holds.'),
    output_bytes: positive.optional().describe('Of each of stdout and stderr, in bytes.'),
    processes: positive
      .optional()
      .describe('Processes and threads together, with those of the runner of the language.'),
  })
  .meta({
    id: 'Limits',
    description:
      'Each at most the limit of the template, which is also the default: GET /v1/templates.',
  })

export const callback = z
  .strictObject({
    url: z.string().max(2048).describe('Where to: https://… or http://…'),
    secret: z
      .string()
      .regex(SECRET, 'must be whsec_ and base64 of 24 to 64 bytes')
      .optional()
      .describe('Signs the call; by default the one that the operator has set.'),
  })
  .meta({ id: 'Callback' })

/** What differs between the inputs of one program. */
const inputMembers = {
  arguments: z
    .record(z.string(), z.unknown())
    .default({})
    .describe(
      'Mode function: what main is called with, by name. Numbers arrive as they are written.',
    ),
  argv: z
    .array(z.string().max(MAX_TEXT).regex(C_STRING, 'must not contain a zero byte'))
    .max(256)
    .default([])
    .describe('Arguments of the program, behind its own name.'),
  stdin: z
    .string()
    .nullable()
    .default(null)
    .describe('What the program reads from stdin. Without it, reads end at once.'),
}

export const run = z
  .strictObject({
    language: z
      .string()
      .regex(NAME)
      .optional()
      .describe('A language of GET /v1/templates, such as python. Not needed with a template.'),
    template: z
      .string()
      .regex(NAME)
      .optional()
      .describe('A template of GET /v1/templates; by default the one of the language.'),
    code: z.string().describe('The source, as plain text.'),
    mode: z
      .enum(['script', 'function', 'cell'])
      .default('script')
      .describe(
        'script: run from the first line to the last. function: main is called with the arguments, and what it returns is the result. cell: as in a notebook: the value of the last expression is the result, as a MIME bundle, beside what the cell displays; await, and with Python magics and shell commands, may stand outside of functions. In bash a script.',
      ),
    ...inputMembers,
    env: z
      .record(
        z.string().regex(/^[A-Za-z_]\w{0,127}$/, 'must be letters, digits and _'),
        z.string().max(MAX_TEXT).regex(C_STRING, 'must not contain a zero byte'),
      )
      .default({})
      .describe('Variables that are added to the environment.'),
    files: z
      .array(inputFile)
      .max(MAX_FILES)
      .default([])
      .describe('Files that are put into the working directory before the program starts.'),
    limits: limits.default({}),
    network: z
      .enum(['none', 'egress'])
      .optional()
      .describe(
        'What the program may reach; by default what the operator has set. More is refused.',
      ),
    collect: z
      .array(z.string().min(1).max(MAX_PATH_BYTES))
      .max(32)
      .optional()
      .describe(
        'Globs of the files that come back. By default whatever is new or changed in the working directory.',
      ),
    callback: callback
      .optional()
      .describe(
        'With Prefer: respond-async: what is called when the run has ended (Standard Webhooks).',
      ),
  })
  .meta({ id: 'Run' })

export const batchInput = z.strictObject(inputMembers).partial().meta({ id: 'BatchInput' })

const count = z.array(z.unknown()).min(1).max(MAX_BATCH)

/** The members of a batch are checked one by one; here it is only how many there are. */
export const batchShape = z.union([
  z.strictObject({ runs: count }),
  z.strictObject({ run: z.unknown(), inputs: count }),
])

export const batch = z
  .union([
    z.strictObject({
      runs: z.array(run).min(1).max(MAX_BATCH).describe('Runs that have nothing in common.'),
    }),
    z.strictObject({
      run: run.describe('One program.'),
      inputs: z
        .array(batchInput)
        .min(1)
        .max(MAX_BATCH)
        .describe(
          'It is run once for each of them; what an input has goes before what the run has.',
        ),
    }),
  ])
  .meta({ id: 'Batch' })

/** A run that passed its schema, without the texts that may be large. */
export type RunFields = z.output<typeof run>
