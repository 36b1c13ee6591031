import { z } from 'zod'

/** What a request about sessions may say, and what is answered. */

const NAME = /^[A-Za-z][\w.-]{0,63}$/
/** No zero byte: the kernel takes arguments and the environment as C strings. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: it is what is refused
const C_STRING = /^[^\u0000]*$/
const text = z
  .string()
  .max(128 * 1024)
  .regex(C_STRING, 'must not contain a zero byte')
const env = z
  .record(z.string().regex(/^[A-Za-z_]\w{0,127}$/, 'must be a name of a variable'), text)
  .refine((value) => Object.keys(value).length <= 256, 'must have at most 256 members')
  .default({})
const duration = z
  .int()
  .min(0)
  .max(30 * 86_400_000)

export const sessionRequest = z
  .strictObject({
    template: z.string().regex(NAME).default('python').describe('A template of GET /v1/templates.'),
    env: env.describe('Variables of every process of the session.'),
    metadata: z
      .record(z.string().max(128), z.string().max(1024))
      .refine((value) => Object.keys(value).length <= 32, 'must have at most 32 members')
      .default({})
      .describe('Kept and told, for the caller’s own use.'),
    ttl_ms: duration
      .min(1000)
      .default(86_400_000)
      .describe('The session ends so long after its last use.'),
    idle: z
      .strictObject({
        freeze_ms: duration.nullable().default(5000),
        hibernate_ms: duration.nullable().default(300_000),
      })
      .default({ freeze_ms: 5000, hibernate_ms: 300_000 })
      .describe(
        'So long after its last use the processes of the session stand still, and its state goes to disk. null: never. A session whose processes compute is not idle.',
      ),
  })
  .meta({ id: 'SessionRequest' })

export const ttlRequest = z
  .strictObject({ ttl_ms: duration.min(1000).describe('The session ends so long from now.') })
  .meta({ id: 'SessionChange' })

export const commandRequest = z
  .strictObject({
    command: text.optional().describe('A line for bash.'),
    argv: z
      .array(text)
      .min(1)
      .max(1024)
      .optional()
      .describe('A program and its arguments, instead of command.'),
    cwd: text.default('').describe('From the home, unless it is absolute.'),
    env: env.describe('Added to the variables of the session.'),
    stdin: z.string().nullable().default(null).describe('Without it, reads end at once.'),
    wall_ms: z.int().min(1).max(3_600_000).default(60_000).describe('Wall time in milliseconds.'),
  })
  .refine(
    ({ command, argv }) => (command === undefined) !== (argv === undefined),
    'must have either command or argv',
  )
  .meta({ id: 'CommandRequest' })

const time = z.iso.datetime()

export const session = z
  .strictObject({
    id: z.string(),
    template: z.string(),
    state: z.enum([
      'creating',
      'ready',
      'busy',
      'frozen',
      'hibernating',
      'hibernated',
      'waking',
      'dead',
    ]),
    created_at: time,
    expires_at: time,
    idle: z.strictObject({
      freeze_ms: z.int().nullable(),
      hibernate_ms: z.int().nullable(),
    }),
    metadata: z.record(z.string(), z.string()),
  })
  .meta({ id: 'Session' })

export const sessionList = z
  .strictObject({ sessions: z.array(session) })
  .meta({ id: 'SessionList' })

export const commandOutcome = z
  .strictObject({
    status: z.enum(['succeeded', 'failed', 'timed_out', 'output_limit', 'canceled', 'lost']),
    exit_code: z.int().nullable().describe('null unless the command ended by itself.'),
    signal: z.string().nullable().describe('The signal that ended it, such as SIGTERM.'),
    stdout: z.string().describe('Bytes that are not UTF-8 become U+FFFD.'),
    stderr: z.string(),
    wall_ms: z.number().nonnegative(),
  })
  .meta({ id: 'CommandOutcome' })

export const fileList = z
  .strictObject({
    entries: z.array(
      z.strictObject({
        path: z.string().describe('From the folder.'),
        type: z.enum(['file', 'folder', 'link', 'other']),
        mode: z.string().describe('Octal, such as 644.'),
        size: z.int().nonnegative(),
        modified_at: time,
        target: z.string().nullable().describe('Where a link leads.'),
      }),
    ),
  })
  .meta({ id: 'FileList' })

export type SessionAnswer = z.infer<typeof session>
export type CommandAnswer = z.infer<typeof commandOutcome>
export type FileListAnswer = z.infer<typeof fileList>
