import { isUtf8 } from 'node:buffer'
import { jsonMembers } from '../../lib/json-members.ts'
import { jsonStringBytes } from '../../lib/json-string.ts'
import { isJson } from '../../lib/json-text.ts'

/** What a client saves: a folder, or a file with its bytes. */
export interface Saved {
  readonly type: 'file' | 'notebook' | 'directory'
  /** Of a file; null: the client sent none. */
  readonly content: Uint8Array | null
}

export type ReadSaved = { readonly saved: Saved } | { readonly wrong: string }

const TYPES = ['file', 'notebook', 'directory'] as const
const FORMATS = ['text', 'base64', 'json'] as const
const MAX_WORD_BYTES = 64
const [QUOTE, OPEN_OBJECT, OPEN_ARRAY] = [0x22, 0x7b, 0x5b]

/**
 * Reads what a client saves. It works on the bytes: neither a text nor a notebook of megabytes becomes objects. A notebook
 * is kept as the client wrote it.
 */
export function readSaved(json: Buffer): ReadSaved {
  if (!isUtf8(json) || !isJson(json)) return { wrong: 'Invalid JSON in body of request' }
  if (json.find((c) => c > 0x20) !== OPEN_OBJECT) return { wrong: 'The body is no object.' }
  const members = jsonMembers(json, ['type', 'format', 'content'])
  const type = wordIn(members.get('type'), TYPES, 'file')
  if (type === undefined) return { wrong: `type: must be one of ${TYPES.join(', ')}` }
  const format = wordIn(members.get('format'), FORMATS, null)
  if (format === undefined) return { wrong: `format: must be one of ${FORMATS.join(', ')}` }
  const content = members.get('content')
  const first = content?.[0]
  const holdsOthers = first === OPEN_OBJECT || first === OPEN_ARRAY
  if (content && holdsOthers && (type === 'notebook' || format === 'json')) {
    return { saved: { type, content } }
  }
  if (!content || first !== QUOTE) return { saved: { type, content: null } }
  const text = jsonStringBytes(content)
  const isBase64 = format === 'base64'
  return {
    saved: { type, content: isBase64 ? Buffer.from(text.toString('latin1'), 'base64') : text },
  }
}

/** @returns undefined: it is none of the words */
function wordIn<T extends string, F>(
  member: Buffer | undefined,
  words: readonly T[],
  otherwise: F,
): T | F | undefined {
  if (member === undefined || (otherwise === null && member.equals(NULL))) return otherwise
  if (member[0] !== QUOTE || member.length > MAX_WORD_BYTES) return undefined
  const word: unknown = JSON.parse(member.toString())
  return words.find((one) => one === word)
}

const NULL = Buffer.from('null')
