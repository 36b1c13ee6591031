import { randomBytes } from 'node:crypto'

/** LibreChat takes ids of this form only. */
const ID = /^[\w-]{21}$/

export function newId(): string {
  return randomBytes(16).toString('base64url').slice(0, 21)
}

export function isId(value: unknown): value is string {
  return typeof value === 'string' && ID.test(value)
}
