import { z } from 'zod'
import { MAX_PATH_BYTES, PLAIN_PATH } from '../../lib/plain-path.ts'
import { STATUSES } from '../v1/answer-schema.ts'
import { MAX_FILES } from '../v1/request-schema.ts'

/** What the tools take and give. The descriptions are for a model. */

const inputFile = z.object({
  path: z
    .string()
    .max(MAX_PATH_BYTES)
    .regex(PLAIN_PATH, 'must be a relative path without hidden or empty parts, .. and backslashes')
    .describe('Relative path, from the working directory of the program.'),
  content: z.string().optional().describe('The content of a text file.'),
  content_base64: z.string().optional().describe('The content in base64, instead of content.'),
})

export const runCodeInput = z.object({
  language: z.string().describe('A language of list_templates, such as python or nodejs.'),
  code: z.string().describe('The whole program, as plain text. It is run from top to bottom.'),
  files: z
    .array(inputFile)
    .max(MAX_FILES)
    .optional()
    .describe('Files that are put into the working directory before the program starts.'),
  stdin: z.string().optional().describe('What the program reads from stdin.'),
  template: z
    .string()
    .optional()
    .describe('A template of list_templates; by default the one of the language.'),
})

/** What run_code takes where callers can keep sessions. */
export const runCodeInSessionInput = runCodeInput.extend({
  session: z
    .string()
    .max(64)
    .optional()
    .describe('From open_session: variables and files stay. Without it, a fresh sandbox.'),
  timeout_seconds: z
    .number()
    .min(1)
    .max(3600)
    .optional()
    .describe('Of a run in a session; by default 45. Many clients wait a minute for an answer.'),
})

/** Names that run_code takes. Others are ignored. */
export const RUN_CODE_MEMBERS: ReadonlySet<string> = new Set(
  Object.keys(runCodeInSessionInput.shape),
)

const file = z.object({
  path: z.string(),
  size: z.int().nonnegative().describe('In bytes.'),
  media_type: z.string(),
  uri: z.string().nullable().describe('Resource to read it from; null: it was too large to keep.'),
})

export const runCodeOutput = z.object({
  status: z.enum(STATUSES),
  exit_code: z.int().nullable().describe('null unless the program ended by itself.'),
  signal: z.string().nullable(),
  stdout: z.string().describe('Head and tail where it is long; stdout_uri has the whole.'),
  stdout_uri: z.string().nullable().describe('null: stdout is whole.'),
  stderr: z.string().describe('Head and tail where it is long; stderr_uri has the whole.'),
  stderr_uri: z.string().nullable().describe('null: stderr is whole.'),
  result: z
    .string()
    .nullable()
    .describe('In a session, what the program displayed and the value of its last expression.'),
  files: z.array(file).describe('Files that the program made or changed; none of a session.'),
  files_left_out: z.array(
    z.object({ path: z.string(), size: z.int().nonnegative(), reason: z.string() }),
  ),
  wall_ms: z.number().nonnegative(),
  detail: z.string().describe('What happened, in a sentence or two.'),
})

export type RunCodeAnswer = z.infer<typeof runCodeOutput>

export const runIdInput = z.object({ run_id: z.string().describe('From the answer of start_run.') })

export const getRunInput = runIdInput.extend({
  wait_seconds: z
    .number()
    .min(0)
    .max(45)
    .default(20)
    .describe('How long to wait for the end of the program.'),
})

export const startedRunOutput = z.object({
  run_id: z.string(),
  state: z.enum(['queued', 'running', 'ended']),
  output: z.string().describe('While it runs: the end of what it has printed so far.'),
  outcome: runCodeOutput.nullable().describe('null: the program has not ended.'),
  expires_at: z.string().nullable().describe('When it is removed; null: not before its end.'),
})

export type StartedRunAnswer = z.infer<typeof startedRunOutput>

export const listTemplatesOutput = z.object({
  templates: z.array(
    z.object({
      name: z.string(),
      languages: z.array(z.string()),
      version: z.string().nullable(),
      libraries: z.array(z.string()).describe('Name and version.'),
      preloaded: z
        .array(z.string())
        .describe('Modules that are loaded before the program starts: they take no time.'),
      network: z.enum(['none', 'egress']),
      limits: z.record(z.string(), z.number()),
    }),
  ),
})
