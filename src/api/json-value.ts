import { isUtf8 } from 'node:buffer'
import { findJsonFault, TOO_DEEP, TOO_MANY } from '../lib/json-text.ts'

/**
 * What becomes objects has at most so many values, and so many brackets open at once. No request needs more. They are
 * counted before there are objects: a schema looks at each of them, and tells of each that is wrong.
 */
export const VALUE_BOUNDS = { values: 8192, depth: 64 }

const BYTE_ORDER_MARK = Buffer.from('\ufeff')

/** A value as JSON.parse() makes it, or what is wrong with the text. */
export type ReadValue = { readonly value: unknown } | { readonly wrong: string }

/** Reads JSON within VALUE_BOUNDS. Texts in it may be long. What is wrong is told as of a text that is the subject. */
export function readValue(bytes: Buffer): ReadValue {
  const isMarked = bytes.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK)
  const json = isMarked ? bytes.subarray(BYTE_ORDER_MARK.length) : bytes
  if (!isUtf8(json)) return { wrong: 'is not valid UTF-8' }
  const fault = findJsonFault(json, VALUE_BOUNDS)
  if (fault === null) return { value: JSON.parse(json.toString('utf8')) }
  const { values, depth } = VALUE_BOUNDS
  if (fault.why === TOO_MANY) return { wrong: `has more than ${values} values` }
  if (fault.why === TOO_DEEP) return { wrong: `is nested more than ${depth} deep` }
  return { wrong: 'is not valid JSON' }
}
