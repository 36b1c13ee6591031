import { isUtf8 } from 'node:buffer'
import { jsonMembers } from '../lib/json-members.ts'
import { isJson } from '../lib/json-text.ts'

/** A valid body of RAGFlow's `POST /run`. */
export interface RunRequest {
  /** UTF-8 source. */
  readonly code: Buffer
  /** A name of a runtime: its own, not an alias. */
  readonly runtime: string
  /** JSON text of an object, as the caller wrote it. */
  readonly argumentsJson: Buffer
}

/** One entry of `detail` in FastAPI's 422 answer (pydantic's error shape). */
export interface ValidationIssue {
  readonly type: string
  readonly loc: readonly (string | number)[]
  readonly msg: string
  readonly input: unknown
  readonly ctx?: Readonly<Record<string, unknown>>
}

export type ParsedRequest =
  | { readonly request: RunRequest }
  | { readonly issues: readonly ValidationIssue[] }

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/
const BYTE_ORDER_MARK = Buffer.from('\ufeff')
/** An answer repeats what was wrong, but not megabytes of it. */
const MAX_ECHO_CHARS = 1000

/**
 * Validates a request body.
 * @param body the bytes as they came
 * @param languages runtime name by accepted language name
 */
export function parseRunRequest(
  body: Buffer,
  languages: ReadonlyMap<string, string>,
): ParsedRequest {
  if (body.length === 0) return { issues: [issue('missing', ['body'], 'Field required', 'null')] }
  const text = jsonText(body)
  if (typeof text !== 'string') return { issues: [text] }
  if (!text.trimStart().startsWith('{')) {
    const msg = 'Input should be a valid dictionary or object to extract fields from'
    return { issues: [issue('model_attributes_type', ['body'], msg, text)] }
  }
  const fields = jsonMembers(text, ['code_b64', 'language', 'arguments'])
  const code = readCode(fields.get('code_b64'), text)
  const runtime = readLanguage(fields.get('language') ?? '"python"', languages)
  const args = readArguments(fields.get('arguments'))
  const issues = [code, runtime, args].flatMap((field) => ('issue' in field ? [field.issue] : []))
  if ('issue' in code || 'issue' in runtime || 'issue' in args) return { issues }
  return { request: { code: code.value, runtime: runtime.value, argumentsJson: args.value } }
}

type Field<T> = { readonly value: T } | { readonly issue: ValidationIssue }

/** The body's text once it is known to be JSON. It is never parsed as a whole: see isJson(). */
function jsonText(body: Buffer): string | ValidationIssue {
  const isText = isUtf8(body)
  const json = body.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK)
    ? body.subarray(BYTE_ORDER_MARK.length)
    : body
  if (isText && isJson(json)) return json.toString('utf8')
  return {
    ...issue('json_invalid', ['body', 0], 'JSON decode error', '{}'),
    ctx: { error: isText ? 'Not valid JSON' : 'Not valid UTF-8' },
  }
}

/** @param member its JSON text, of a body of that text */
function readCode(member: string | undefined, body: string): Field<Buffer> {
  const loc = ['body', 'code_b64']
  if (member === undefined) return { issue: issue('missing', loc, 'Field required', body) }
  if (!member.startsWith('"')) {
    return { issue: issue('string_type', loc, 'Input should be a valid string', member) }
  }
  const text: string = JSON.parse(member)
  const refuse = (why: string): Field<Buffer> => ({
    issue: { ...issue('value_error', loc, `Value error, ${why}`, member), ctx: { error: {} } },
  })
  if (text.length % 4 !== 0 || !BASE64.test(text)) return refuse('Invalid base64 encoding')
  const code = Buffer.from(text, 'base64')
  return isUtf8(code) ? { value: code } : refuse('The decoded code is not valid UTF-8')
}

function readLanguage(member: string, languages: ReadonlyMap<string, string>): Field<string> {
  const isName = member.startsWith('"')
  const runtime = isName ? languages.get(JSON.parse(member)) : undefined
  if (runtime !== undefined) return { value: runtime }
  const names = [...new Set(languages.values())].map((known) => `'${known}'`)
  const expected =
    names.length > 1 ? `${names.slice(0, -1).join(', ')} or ${names.at(-1)}` : names.join('')
  return {
    issue: {
      ...issue('enum', ['body', 'language'], `Input should be ${expected}`, member),
      ctx: { expected },
    },
  }
}

function readArguments(member = 'null'): Field<Buffer> {
  if (member === 'null') return { value: Buffer.from('{}') }
  if (!member.startsWith('{')) {
    const msg = 'Input should be a valid dictionary'
    return { issue: issue('dict_type', ['body', 'arguments'], msg, member) }
  }
  return { value: Buffer.from(member) }
}

/** @param input JSON text of what was wrong */
function issue(
  type: string,
  loc: readonly (string | number)[],
  msg: string,
  input: string,
): ValidationIssue {
  return { type, loc, msg, input: shorten(input) }
}

function shorten(input: string): unknown {
  if (input.length <= MAX_ECHO_CHARS) return JSON.parse(input)
  const text = input.startsWith('"') ? (JSON.parse(input) as string) : input
  return `${text.slice(0, MAX_ECHO_CHARS)}…`
}
