import { z } from 'zod'
import { env } from '../../v1/session-schema.ts'

/** What requests to the API that makes sandboxes say. Members that are not known are left out, as at E2B. */

/** A client that says nothing gets this much. */
export const DEFAULT_TIMEOUT_S = 300

const nothing = (value: unknown) => (value === null ? undefined : value)
const optional = <T extends z.ZodType>(type: T) => z.preprocess(nothing, type.optional())
const seconds = z
  .int()
  .min(0)
  .max(30 * 86_400)
const timeout = optional(seconds)
const text = z.string().max(1024)
/** What this service does not have: nothing, or what means nothing. */
const none = optional(
  z.union([z.array(z.unknown()).max(0), z.strictObject({})], { error: 'is not supported here' }),
)
const memory = optional(z.literal(true, { error: 'a pause without memory is not supported here' }))
const places = optional(z.array(text).max(1000))

const egress = {
  allowOut: places,
  denyOut: places,
  rules: none,
  egressProxy: none,
}

const network = z.object({
  ...egress,
  allowPublicTraffic: optional(z.boolean()),
  maskRequestHost: optional(z.string().max(253)),
})

export const newSandbox = z.object({
  templateID: text.min(1),
  timeout,
  metadata: optional(
    z
      .record(z.string().max(256), z.string().max(4096))
      .refine((value) => Object.keys(value).length <= 64, 'must have at most 64 members'),
  ),
  envVars: z.preprocess(nothing, env),
  secure: optional(z.boolean()),
  allow_internet_access: optional(z.boolean()),
  network: optional(network),
  autoPause: optional(z.boolean()),
  autoPauseMemory: memory,
  autoResume: optional(z.object({ enabled: optional(z.boolean()) })),
  volumeMounts: none,
  iam: optional(z.object({ tokens: none })),
})

export const timeoutRequest = z.object({ timeout: seconds })
export const connectRequest = z.object({ timeout, memory })
export const pauseRequest = z.object({ memory })
export const refreshRequest = z.object({ duration: timeout })
export const snapshotRequest = z.object({
  name: optional(z.string().regex(/^[\w./:-]{1,128}$/, 'is not a name')),
  memory,
})
export const forkRequest = z.object({ timeout, count: optional(z.int().min(1).max(100)) })
export const networkRequest = z.object({
  ...egress,
  allow_internet_access: optional(z.boolean()),
})

export type NewSandbox = z.infer<typeof newSandbox>
export type NetworkRequest = z.infer<typeof networkRequest>
