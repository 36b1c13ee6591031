import { z } from 'zod'

/** Messages in the JSON of Protocol Buffers (https://protobuf.dev/programming-guides/json/). */

/**
 * Returns the schema of a message. Fields that are not known are left out, `null` is as good as none, and a field may
 * have its name of the `.proto` file (`watcher_id`) too.
 */
export function message<T extends z.ZodRawShape>(shape: T) {
  return z.preprocess((value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
    const fields: [string, unknown][] = []
    for (const [name, field] of Object.entries(value)) {
      if (field !== null) fields.push([name.replace(/_([a-z])/g, (_, c) => c.toUpperCase()), field])
    }
    return Object.fromEntries(fields)
  }, z.object(shape))
}

/** Bytes: base64 of either alphabet, with or without padding. */
export const bytes = z
  .string()
  .regex(/^[A-Za-z0-9+/_-]*={0,2}$/)
  .transform((text) => Buffer.from(text, 'base64'))

const MAX_UINT32 = 2 ** 32 - 1

/** A number of 32 bits, which may be sent as a string. */
export const uint32 = z
  .union([z.number(), z.string().regex(/^\d{1,10}$/)])
  .transform(Number)
  .pipe(z.int().min(0).max(MAX_UINT32))

/** Returns the schema of a value of an enumeration, by its name or its number. */
export function enumeration<T extends Readonly<Record<string, number>>>(values: T) {
  return z
    .union([z.string(), z.number()])
    .transform((value) => (typeof value === 'number' ? value : values[value]))
    .pipe(z.int())
}
