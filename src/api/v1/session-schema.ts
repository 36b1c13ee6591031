import { z } from 'zod'
import { SESSION_STATES, type SessionState } from '../../sessions/lifecycle.ts'
import { inputFile, MAX_FILES } from './request-schema.ts'

/** What a request about sessions may say, and what is answered. */

const NAME = /^[A-Za-z][\w.-]{0,63}$/
/** No zero byte: the kernel takes arguments and the environment as C strings. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: it is what is refused
const C_STRING = /^[^\u0000]*$/
export const text = z
  .string()
  .max(128 * 1024)
  .regex(C_STRING, 'must not contain a zero byte')
export const env = z
  .record(z.string().regex(/^[A-Za-z_]\w{0,127}$/, 'must be a name of a variable'), text)
  .refine((value) => Object.keys(value).length <= 256, 'must have at most 256 members')
  .default({})
export const sessionLimits = z
  .strictObject({
    memory_mb: z.int().min(16).optional().describe('Memory in MiB, files included.'),
    cpus: z.number().min(0.05).optional().describe('Processors’ worth of time, such as 0.5.'),
    processes: z.int().min(4).optional().describe('Processes and threads together.'),
    disk_mb: z.int().min(1).optional().describe('Size of the home in MiB.'),
  })
  .meta({
    id: 'SessionLimits',
    description:
      'Each at most the limit of the template, which is also the default. They hold as long as the session lives. Of a session of processes or disk_mb the sandbox is made when it is asked for.',
  })
const duration = z
  .int()
  .min(0)
  .max(30 * 86_400_000)

export const sessionRequest = z
  .strictObject({
    template: z
      .string()
      .regex(NAME)
      .optional()
      .describe('A runtime or a template. Without it: workspace where that is built, else python.'),
    snapshot: z
      .string()
      .max(64)
      .optional()
      .describe(
        'A snapshot of GET /v1/snapshots: the session begins as that was, and template counts no more.',
      ),
    env: env.describe('Variables of every process of the session.'),
    files: z
      .array(inputFile)
      .max(MAX_FILES)
      .default([])
      .describe('Files that are put into the home before the session is answered.'),
    limits: sessionLimits
      .optional()
      .describe('What it may use. A session from a snapshot is as that was.'),
    network: z
      .enum(['none', 'egress'])
      .optional()
      .describe(
        'none: it reaches nothing, whatever the operator allows. By default what the operator has set; more is refused. A session from a snapshot is as that was.',
      ),
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

export const resumeRequest = z
  .strictObject({
    from: z
      .literal('checkpoint')
      .optional()
      .describe('Take a session that is lost back to its last checkpoint.'),
  })
  .meta({ id: 'SessionResume' })

export const time = z.iso.datetime()

export const session = z
  .strictObject({
    id: z.string(),
    template: z.string(),
    state: z.enum(SESSION_STATES as [SessionState, ...SessionState[]]),
    why: z.string().describe('Why it is in this state.'),
    created_at: time,
    expires_at: time,
    idle: z.strictObject({
      freeze_ms: z.int().nullable(),
      hibernate_ms: z.int().nullable(),
    }),
    metadata: z.record(z.string(), z.string()),
    limits: sessionLimits.required(),
    checkpoint: z
      .strictObject({ created_at: time, bytes: z.int() })
      .nullable()
      .describe('The last state of it that is on disk.'),
    drops_at: time
      .nullable()
      .describe('When it will be dropped for want of disk, unless it is used; null: it will not.'),
  })
  .meta({ id: 'Session' })

export const sessionList = z
  .strictObject({ sessions: z.array(session) })
  .meta({ id: 'SessionList' })

export const fileEntry = z
  .strictObject({
    path: z.string().describe('From the folder; of one entry alone, as it was asked for.'),
    type: z.enum(['file', 'folder', 'link', 'other']),
    mode: z.string().describe('Octal, such as 644.'),
    size: z.int().nonnegative(),
    modified_at: time,
    target: z.string().nullable().describe('Where a link leads.'),
  })
  .meta({ id: 'FileEntry' })

const place = z
  .string()
  .min(1)
  .max(4096)
  .regex(C_STRING, 'must not contain a zero byte')
  .describe('From the home, unless it is absolute.')

export const folderRequest = z.strictObject({ path: place }).meta({ id: 'FolderRequest' })

export const moveRequest = z.strictObject({ from: place, to: place }).meta({ id: 'MoveRequest' })

const ttl = duration
  .min(1000)
  .max(7 * 86_400_000)
  .default(3_600_000)
  .describe('How long the URL is valid.')

export const signedUrlRequest = z
  .union([
    z.strictObject({
      method: z.enum(['GET', 'PUT']).default('GET'),
      path: place.describe('A file.'),
      ttl_ms: ttl,
    }),
    z.strictObject({
      port: z.int().min(1).max(65_535).describe('A server of the session.'),
      ttl_ms: ttl,
    }),
  ])
  .meta({ id: 'SignedUrlRequest' })

export const signedUrl = z
  .strictObject({
    url: z.string().describe('From the address of the service.'),
    expires_at: time,
  })
  .meta({ id: 'SignedUrl' })

export const fileList = z
  .strictObject({
    entries: z.array(fileEntry),
  })
  .meta({ id: 'FileList' })

export type SessionLimitsAsked = z.output<typeof sessionLimits>
export type SessionLimitsAnswer = SessionAnswer['limits']
export type SessionAnswer = z.infer<typeof session>
export type FileEntryAnswer = z.infer<typeof fileEntry>
