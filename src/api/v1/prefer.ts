import type { FastifyRequest } from 'fastify'
import { invalid } from './problems.ts'

export interface Preferences {
  /** The caller wants the run to be accepted, and its outcome later. */
  readonly respondAsync: boolean
  /** How long the caller waits for an end; 0: not at all. */
  readonly waitMs: number
}

/** Proxies end a request that is silent for longer. */
const LONGEST_WAIT_S = 60

/** Reads the header Prefer (https://www.rfc-editor.org/rfc/rfc7240): `respond-async`, `wait=SECONDS`. */
export function preferencesOf({ headers }: Pick<FastifyRequest, 'headers'>): Preferences {
  const words = [headers.prefer ?? []].flat().join(',').toLowerCase().split(/[,;]/)
  const names = words.map((word) =>
    word
      .split('=')
      .map((part) => part.trim())
      .join('='),
  )
  const wait = names
    .map((name) => /^wait="?(\d{1,9})"?$/.exec(name)?.[1])
    .find((s) => s !== undefined)
  return {
    respondAsync: names.includes('respond-async'),
    waitMs: Math.min(Number(wait ?? 0), LONGEST_WAIT_S) * 1000,
  }
}

/**
 * Reads the header Idempotency-Key: a string of structured fields, or the same without its quotes, as many
 * clients send it (https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/).
 * @returns null: there is none
 * @throws Problem
 */
export function idempotencyKeyOf({ headers }: Pick<FastifyRequest, 'headers'>): string | null {
  const given = headers['idempotency-key']
  if (given === undefined) return null
  const text = typeof given === 'string' ? given.trim() : ''
  const key = /^"((?:[^"\\]|\\["\\])*)"$/.exec(text)?.[1]?.replace(/\\(.)/g, '$1') ?? text
  if (/^[\x20-\x7e]{1,255}$/.test(key)) return key
  const detail = 'The header Idempotency-Key must be 1 to 255 printable characters of ASCII.'
  throw invalid([{ pointer: '', detail }])
}
