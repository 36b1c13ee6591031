import { jsonMember } from '../lib/json-member.ts'

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
  if (body.length === 0) return { issues: [issue('missing', ['body'], 'Field required', null)] }
  const parsed = parseJson(body)
  if ('issues' in parsed) return parsed
  const { text, value } = parsed
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    const msg = 'Input should be a valid dictionary or object to extract fields from'
    return { issues: [issue('model_attributes_type', ['body'], msg, value)] }
  }
  const fields = value as Record<string, unknown>
  const code = readCode(fields)
  const runtime = readLanguage(fields, languages)
  const args = readArguments(fields, text)
  const issues = [code, runtime, args].flatMap((field) => ('issue' in field ? [field.issue] : []))
  if ('issue' in code || 'issue' in runtime || 'issue' in args) return { issues }
  return { request: { code: code.value, runtime: runtime.value, argumentsJson: args.value } }
}

type Field<T> = { readonly value: T } | { readonly issue: ValidationIssue }

function parseJson(
  body: Buffer,
): { text: string; value: unknown } | { issues: readonly ValidationIssue[] } {
  let problem: string
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(body)
    return { text, value: JSON.parse(text) }
  } catch (error) {
    // The decoder's message names nothing of the body; the parser's quotes it.
    problem = error instanceof SyntaxError ? 'Not valid JSON' : 'Not valid UTF-8'
  }
  return {
    issues: [
      { ...issue('json_invalid', ['body', 0], 'JSON decode error', {}), ctx: { error: problem } },
    ],
  }
}

function readCode(fields: Record<string, unknown>): Field<Buffer> {
  const loc = ['body', 'code_b64']
  if (!Object.hasOwn(fields, 'code_b64')) {
    return { issue: issue('missing', loc, 'Field required', fields) }
  }
  const text = fields.code_b64
  if (typeof text !== 'string') {
    return { issue: issue('string_type', loc, 'Input should be a valid string', text) }
  }
  const refuse = (why: string): Field<Buffer> => ({
    issue: { ...issue('value_error', loc, `Value error, ${why}`, text), ctx: { error: {} } },
  })
  if (text.length % 4 !== 0 || !BASE64.test(text)) return refuse('Invalid base64 encoding')
  const code = Buffer.from(text, 'base64')
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(code)
  } catch {
    return refuse('The decoded code is not valid UTF-8')
  }
  return { value: code }
}

function readLanguage(
  fields: Record<string, unknown>,
  languages: ReadonlyMap<string, string>,
): Field<string> {
  const name = Object.hasOwn(fields, 'language') ? fields.language : 'python'
  const runtime = typeof name === 'string' ? languages.get(name) : undefined
  if (runtime !== undefined) return { value: runtime }
  const names = [...new Set(languages.values())].map((known) => `'${known}'`)
  const expected =
    names.length > 1 ? `${names.slice(0, -1).join(', ')} or ${names.at(-1)}` : names.join('')
  return {
    issue: {
      ...issue('enum', ['body', 'language'], `Input should be ${expected}`, name),
      ctx: { expected },
    },
  }
}

function readArguments(fields: Record<string, unknown>, text: string): Field<Buffer> {
  const value = Object.hasOwn(fields, 'arguments') ? fields.arguments : null
  if (value === null) return { value: Buffer.from('{}') }
  if (typeof value !== 'object' || Array.isArray(value)) {
    const msg = 'Input should be a valid dictionary'
    return { issue: issue('dict_type', ['body', 'arguments'], msg, value) }
  }
  return { value: Buffer.from(jsonMember(text, 'arguments') ?? '{}') }
}

function issue(
  type: string,
  loc: readonly (string | number)[],
  msg: string,
  input: unknown,
): ValidationIssue {
  return { type, loc, msg, input: shorten(input) }
}

function shorten(input: unknown): unknown {
  const text = JSON.stringify(input)
  if (text === undefined || text.length <= MAX_ECHO_CHARS) return input
  return `${typeof input === 'string' ? input.slice(0, MAX_ECHO_CHARS) : text.slice(0, MAX_ECHO_CHARS)}…`
}
