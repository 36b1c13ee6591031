import { randomBytes } from 'node:crypto'

/** LibreChat takes ids of this form only. */
const ID = /^[\w-]{21}$/

/** Makes an id as those of LibreChat are: 21 characters. */
export function newId(): string {
  return randomBytes(16).toString('base64url').slice(0, 21)
}

/** Tells whether a value has the form of an id. */
export function isId(value: unknown): value is string {
  return typeof value === 'string' && ID.test(value)
}
