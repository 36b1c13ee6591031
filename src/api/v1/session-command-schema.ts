import { constants } from 'node:os'
import { z } from 'zod'
import { env, text, time } from './session-schema.ts'

/** What a request about commands of a session may say, and what is answered. */

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
    stdin: z
      .string()
      .nullable()
      .default(null)
      .describe('Without it, reads end at once; in the background, stdin stays open.'),
    user: z.enum(['user', 'root']).default('user').describe('root where the template has it.'),
    background: z
      .boolean()
      .default(false)
      .describe('Answer at once; the command goes on when the request is over.'),
    wall_ms: z
      .int()
      .min(1)
      .max(3_600_000)
      .default(60_000)
      .describe('Wall time in milliseconds; not of one in the background.'),
  })
  .refine(
    ({ command, argv }) => (command === undefined) !== (argv === undefined),
    'must have either command or argv',
  )
  .meta({ id: 'CommandRequest' })

type SignalName = keyof typeof constants.signals
const signalNames = Object.keys(constants.signals) as [SignalName, ...SignalName[]]

export const signalRequest = z
  .strictObject({ signal: z.enum(signalNames).default('SIGTERM') })
  .meta({ id: 'SignalRequest' })

export const stdinRequest = z
  .strictObject({
    text: z.string().default(''),
    content_base64: z.base64().optional().describe('Bytes, instead of text.'),
    close: z.boolean().default(false).describe('Nothing more comes.'),
  })
  .meta({ id: 'StdinRequest' })

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

export const outputSpan = z.strictObject({ first_offset: z.int(), next_offset: z.int() }).meta({
  id: 'OutputSpan',
  description: 'Which bytes of its output are there, counted on both streams together.',
})

export const keptCommand = z
  .strictObject({
    id: z.string(),
    pid: z.int().describe('Of the process in its sandbox.'),
    argv: z.array(z.string()),
    cwd: z.string(),
    terminal: z.boolean(),
    status: z.enum(['running', 'succeeded', 'failed', 'lost']),
    exit_code: z.int().nullable(),
    signal: z.string().nullable().describe('The signal that ended it, such as SIGTERM.'),
    started_at: time,
    ended_at: time.nullable(),
    output: outputSpan,
  })
  .meta({ id: 'Command' })

export const commandList = z
  .strictObject({ commands: z.array(keptCommand) })
  .meta({ id: 'CommandList' })

export const commandOutput = z
  .strictObject({
    stdout: z.string(),
    stderr: z.string(),
    dropped: z.int().nonnegative().describe('Bytes after offset that are not there any more.'),
    next_offset: z.int().nonnegative(),
    running: z.boolean(),
  })
  .meta({ id: 'CommandOutput' })

export type CommandAnswer = z.infer<typeof commandOutcome>
export type KeptCommandAnswer = z.infer<typeof keptCommand>
