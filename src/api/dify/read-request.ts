import { isUtf8 } from 'node:buffer'
import { jsonMembers } from '../../lib/json-members.ts'
import { jsonStringBytes } from '../../lib/json-string.ts'
import { isJson } from '../../lib/json-text.ts'
import { NO_ARGUMENTS, type Read, type RunInput } from '../v1/read-run.ts'

/** Our names of Dify's languages. */
const LANGUAGES: Readonly<Record<string, string>> = { python3: 'python', nodejs: 'nodejs' }

/** Returns the language that Dify calls by this name; null: it has none. */
export function languageOf(name: string): string | null {
  return Object.hasOwn(LANGUAGES, name) ? (LANGUAGES[name] as string) : null
}

export const UNSUPPORTED = 'unsupported language'

/**
 * Reads a request of Dify's to run code, JSON or a form. Of JSON it works on the bytes. `preload` and
 * `enable_network` are read over, and so is what this Dify does not know: sandboxes have the network that the
 * operator allows.
 */
export function readDify(body: Buffer, contentType: string): Read<readonly RunInput[]> {
  const isForm = contentType.startsWith('application/x-www-form-urlencoded')
  const { language, code } = isForm ? formMembers(body) : jsonTexts(body)
  for (const [name, text] of Object.entries({ language, code })) {
    if (text === null) return wrong(`/${name}`, `${name} must be a text that is not empty`)
  }
  const ours = languageOf((language as Buffer).toString('utf8', 0, 100))
  if (ours === null) return wrong('/language', UNSUPPORTED)
  const fields = { language: ours, mode: 'script' as const, argv: [], env: {}, limits: {} }
  const input = {
    fields,
    code: code as Buffer,
    argumentsJson: NO_ARGUMENTS,
    stdin: null,
    files: [],
  }
  return { value: [{ ...input, at: '' }] }
}

interface Texts {
  readonly language: Buffer | null
  readonly code: Buffer | null
}

function jsonTexts(body: Buffer): Texts {
  const isObject = isUtf8(body) && isJson(body) && body.find((c) => c > 0x20) === 0x7b
  const members = isObject ? jsonMembers(body, ['language', 'code']) : new Map<string, Buffer>()
  const text = (name: string) => {
    const member = members.get(name)
    const bytes = member?.[0] === 0x22 ? jsonStringBytes(member) : null
    return bytes && bytes.length > 0 ? bytes : null
  }
  return { language: text('language'), code: text('code') }
}

function formMembers(body: Buffer): Texts {
  const form = new URLSearchParams(body.toString())
  const text = (name: string) => (form.get(name) ? Buffer.from(form.get(name) as string) : null)
  return { language: text('language'), code: text('code') }
}

function wrong(pointer: string, detail: string): Read<readonly RunInput[]> {
  return { issues: [{ pointer, detail }] }
}
