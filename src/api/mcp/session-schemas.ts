import { z } from 'zod'
import { text } from '../v1/session-schema.ts'

/** What the tools of sessions take and give. The descriptions are for a model. */

const session = z.string().max(64).describe('From open_session.')
const path = z.string().min(1).max(4096)
const timeoutSeconds = z
  .number()
  .min(1)
  .max(3600)
  .default(45)
  .describe('The command is ended after it. Many clients wait a minute for an answer.')

export const openSessionInput = z.object({
  template: z
    .string()
    .max(64)
    .optional()
    .describe('A template of list_templates; by default the one with all languages.'),
  ttl_seconds: z
    .int()
    .min(1)
    .max(7 * 86_400)
    .default(3600)
    .describe('The session ends so long after its last use.'),
  recover: z
    .string()
    .max(64)
    .optional()
    .describe('A session that is lost: go on with it from its last checkpoint.'),
})

export const openSessionOutput = z.object({
  session: z.string().describe('For the other tools.'),
  template: z.string(),
  languages: z.array(z.string()),
  expires_at: z.string().describe('Each use moves it.'),
})

export const closeSessionInput = z.object({ session })

export const closeSessionOutput = z.object({ session: z.string(), closed: z.boolean() })

export const runCommandInput = z.object({
  session,
  command: text.describe('A line for bash.'),
  cwd: text.max(4096).default('').describe('From the home, unless it is absolute.'),
  stdin: z.string().optional().describe('What the command reads from stdin.'),
  timeout_seconds: timeoutSeconds,
})

export const readFileInput = z.object({
  session,
  path: path.describe('From the home, unless it is absolute.'),
  offset: z
    .int()
    .min(0)
    .max(64 * 1024 ** 2)
    .default(0)
    .describe('In bytes: next_offset of the answer before.'),
})

export const readFileOutput = z.object({
  path: z.string(),
  size: z.int().nonnegative().describe('In bytes.'),
  text: z.string().nullable().describe('null: it is no text.'),
  next_offset: z.int().nullable().describe('Where the rest begins; null: there is no more.'),
  uri: z.string().nullable().describe('Resource with the whole of what is no text, if kept.'),
})

export const writeFileInput = z.object({
  session,
  path: path.describe('From the home, unless it is absolute. Folders are made.'),
  content: z.string().optional().describe('The content of a text file; it replaces the file.'),
  content_base64: z.string().optional().describe('The content in base64, instead of content.'),
})

/** Names that write_file takes. Others are ignored. */
export const WRITE_FILE_MEMBERS: ReadonlySet<string> = new Set(Object.keys(writeFileInput.shape))

export const writeFileOutput = z.object({ path: z.string(), size: z.int().nonnegative() })

export const listFilesInput = z.object({
  session,
  path: path.default('.').describe('A folder: from the home, unless it is absolute.'),
  depth: z.int().min(1).max(8).default(1).describe('How many folders deep.'),
})

export const listFilesOutput = z.object({
  entries: z.array(
    z.object({
      path: z.string().describe('From the folder.'),
      type: z.enum(['file', 'folder', 'link', 'other']),
      size: z.int().nonnegative(),
    }),
  ),
  left_out: z.int().nonnegative().describe('Entries that are there and not told.'),
})
