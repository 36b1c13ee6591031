import { ManagerError } from '../errors.ts'
import { MIB, parseDurationMs, parseSizeBytes } from '../lib/units.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** Reads a setting's text; or says what was expected, to follow "is not". */
export type Parser<T> = (text: string) => T | { readonly expected: string }

/**
 * Reads one setting. An unset or empty variable takes the default.
 * @throws ManagerError CONFIG_INVALID that names the variable, its text and what was expected
 */
export function setting<T>(env: Environment, name: string, byDefault: T, parse: Parser<T>): T {
  const text = env[name]
  if (text === undefined || text === '') return byDefault
  const value = parse(text)
  if (typeof value === 'object' && value !== null && 'expected' in value) {
    throw new ManagerError('CONFIG_INVALID', `${name}=${text} is not ${value.expected}`)
  }
  return value as T
}

/** A whole number from min to max. */
export const integer =
  (min: number, max: number): Parser<number> =>
  (text) => {
    const value = /^\d+$/.test(text.trim()) ? Number(text) : Number.NaN
    return value >= min && value <= max ? value : { expected: `a whole number, ${min} to ${max}` }
  }

/** A time such as 10s, 500ms or 1m30s; in milliseconds. */
export const duration =
  (minMs: number, maxMs: number): Parser<number> =>
  (text) => {
    const ms = parseDurationMs(text)
    return ms !== null && ms >= minMs && ms <= maxMs
      ? ms
      : { expected: `a time like 10s or 1m30s, ${minMs} ms to ${maxMs / 1000} s` }
  }

/** A size such as 256m or 1g; in bytes. */
export const size =
  (minBytes: number): Parser<number> =>
  (text) => {
    const bytes = parseSizeBytes(text)
    return bytes !== null && bytes >= minBytes
      ? bytes
      : { expected: `a size like 256m or 1g, at least ${minBytes / MIB}m` }
  }

/** true, 1, yes, on; false, 0, no, off. */
export const boolean: Parser<boolean> = (text) => {
  if (/^(true|1|yes|on)$/i.test(text)) return true
  if (/^(false|0|no|off)$/i.test(text)) return false
  return { expected: 'true or false' }
}

/** The name or address of a host. */
export const nonEmpty: Parser<string> = (text) =>
  text.trim() || { expected: 'a host name or address' }

/** One of these words. */
export const oneOf =
  <T extends string>(choices: readonly T[]): Parser<T> =>
  (text) =>
    choices.find((choice) => choice === text) ?? { expected: `one of ${choices.join(', ')}` }
