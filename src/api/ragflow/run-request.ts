import { isUtf8 } from 'node:buffer'
import { decodeBase64 } from '../../lib/base64.ts'
import { jsonMembers } from '../../lib/json-members.ts'
import { findJsonFault, isJson } from '../../lib/json-text.ts'

/** A valid body of RAGFlow's `POST /run`. */
export interface RagflowRequest {
  /** UTF-8 source. */
  readonly code: Buffer
  /** A name of a runtime: its own, not an alias; null: the body names none, and a template. */
  readonly runtime: string | null
  /** A template's name; null: the runtime's own. Not checked. RAGFlow never sends it. */
  readonly template: string | null
  /** JSON text of an object, as the caller wrote it; a view of the body where there is one. */
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
  | { readonly request: RagflowRequest }
  | { readonly issues: readonly ValidationIssue[] }

const BYTE_ORDER_MARK = Buffer.from('\ufeff')
const NO_ARGUMENTS = Buffer.from('{}')
/** An answer repeats what was wrong, but not megabytes of it. */
const MAX_ECHO_CHARS = 1000
/** Of UTF-8 for a UTF-16 unit, and of a JSON escape for one. */
const [BYTES_A_CHAR, BYTES_AN_ESCAPE] = [3, 6]
const [QUOTE, BACKSLASH, LETTER_U, OPEN_OBJECT] = [0x22, 0x5c, 0x75, 0x7b]

/**
 * Validates a request body. It works on the bytes as they came: a body of 16 MiB never becomes a text or
 * objects, which would take several times its memory.
 * @param body the bytes as they came
 * @param languages runtime name by accepted language name
 */
export function parseRunRequest(
  body: Buffer,
  languages: ReadonlyMap<string, string>,
): ParsedRequest {
  if (body.length === 0) return { issues: [issue('missing', ['body'], 'Field required', NULL)] }
  const json = jsonOf(body)
  if (!Buffer.isBuffer(json)) return { issues: [json] }
  if (firstByte(json) !== OPEN_OBJECT) {
    const msg = 'Input should be a valid dictionary or object to extract fields from'
    return { issues: [issue('model_attributes_type', ['body'], msg, json)] }
  }
  const fields = jsonMembers(json, ['code_b64', 'language', 'arguments', 'template'])
  const code = readCode(fields.get('code_b64'), json)
  const template = readTemplate(fields.get('template') ?? NULL)
  const isNamed = !('issue' in template) && template.value !== null
  const language = fields.get('language')
  const runtime =
    isNamed && language === undefined
      ? { value: null }
      : readLanguage(language ?? DEFAULT_LANGUAGE, languages)
  const args = readArguments(fields.get('arguments') ?? NULL)
  const issues = [code, runtime, args, template].flatMap((field) =>
    'issue' in field ? [field.issue] : [],
  )
  if ('issue' in code || 'issue' in runtime || 'issue' in args || 'issue' in template) {
    return { issues }
  }
  return {
    request: {
      code: code.value,
      runtime: runtime.value,
      template: template.value,
      argumentsJson: args.value,
    },
  }
}

/**
 * Says that there is no such template, in the words of FastAPI for a value that is not among the allowed ones.
 * @param names of the templates that there are
 */
export function unknownTemplate(name: string, names: readonly string[]): ValidationIssue {
  const expected = names.map((known) => `'${known}'`).join(', ')
  const input = name.slice(0, MAX_ECHO_CHARS)
  return {
    type: 'enum',
    loc: ['body', 'template'],
    msg: `Input should be ${expected}`,
    input,
    ctx: { expected },
  }
}

function readTemplate(member: Buffer): Field<string | null> {
  if (member.equals(NULL)) return { value: null }
  if (member[0] === QUOTE && member.length <= MAX_ECHO_CHARS) {
    return { value: JSON.parse(member.toString()) as string }
  }
  return {
    issue: issue('string_type', ['body', 'template'], 'Input should be a valid string', member),
  }
}

const NULL = Buffer.from('null')
const EMPTY_OBJECT = Buffer.from('{}')
const DEFAULT_LANGUAGE = Buffer.from('"python"')

type Field<T> = { readonly value: T } | { readonly issue: ValidationIssue }

/**
 * The body once it is known to be JSON. It is never parsed as a whole: see isJson(). NaN and Infinity are
 * taken, as FastAPI does.
 */
function jsonOf(body: Buffer): Buffer | ValidationIssue {
  const json = body.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK)
    ? body.subarray(BYTE_ORDER_MARK.length)
    : body
  if (!isUtf8(body)) return notJson(0, 'Not valid UTF-8')
  const fault = findJsonFault(json, { nonFinite: true })
  return fault === null ? json : notJson(characters(json, fault.at), fault.why)
}

/** @param at place in characters, as FastAPI tells it */
function notJson(at: number, error: string): ValidationIssue {
  return {
    ...issue('json_invalid', ['body', at], 'JSON decode error', EMPTY_OBJECT),
    ctx: { error },
  }
}

/** Characters of UTF-8 text before a byte. */
function characters(text: Buffer, end: number): number {
  let count = 0
  for (let at = 0; at < end; at++) if (((text[at] as number) & 0xc0) !== 0x80) count++
  return count
}

/** The first that is no white space. */
function firstByte(json: Buffer): number | undefined {
  return json.find((c) => c > 0x20)
}

/** @param member its JSON text, of a body of that text */
function readCode(member: Buffer | undefined, body: Buffer): Field<Buffer> {
  const loc = ['body', 'code_b64']
  if (member === undefined) return { issue: issue('missing', loc, 'Field required', body) }
  if (member[0] !== QUOTE) {
    return { issue: issue('string_type', loc, 'Input should be a valid string', member) }
  }
  const code = decodeBase64(
    member.includes(BACKSLASH)
      ? Buffer.from(JSON.parse(member.toString()) as string)
      : member.subarray(1, -1),
  )
  const refuse = (why: string): Field<Buffer> => ({
    issue: { ...issue('value_error', loc, `Value error, ${why}`, member), ctx: { error: {} } },
  })
  if (code === null) return refuse('Invalid base64 encoding')
  return isUtf8(code) ? { value: code } : refuse('The decoded code is not valid UTF-8')
}

function readLanguage(member: Buffer, languages: ReadonlyMap<string, string>): Field<string> {
  const isName = member[0] === QUOTE && member.length <= MAX_ECHO_CHARS
  const runtime = isName ? languages.get(JSON.parse(member.toString())) : undefined
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

function readArguments(member: Buffer): Field<Buffer> {
  if (member.equals(NULL)) return { value: NO_ARGUMENTS }
  if (member[0] !== OPEN_OBJECT) {
    const msg = 'Input should be a valid dictionary'
    return { issue: issue('dict_type', ['body', 'arguments'], msg, member) }
  }
  return { value: member }
}

/** @param input JSON text of what was wrong */
function issue(
  type: string,
  loc: readonly (string | number)[],
  msg: string,
  input: Buffer,
): ValidationIssue {
  return { type, loc, msg, input: shorten(input) }
}

/** The value itself where it is short, else the beginning of its text. */
function shorten(input: Buffer): unknown {
  if (input.length <= MAX_ECHO_CHARS * BYTES_A_CHAR) {
    const text = input.toString()
    // With NaN in it, it is shown as text.
    if (text.length <= MAX_ECHO_CHARS) return isJson(input) ? JSON.parse(text) : text
  }
  const text = input[0] === QUOTE ? beginningOfString(input) : beginningOf(input)
  return `${text.slice(0, MAX_ECHO_CHARS)}…`
}

function beginningOf(text: Buffer): string {
  return text.toString('utf8', 0, (MAX_ECHO_CHARS + 1) * BYTES_A_CHAR)
}

/** What a JSON string says, as far as it is repeated. */
function beginningOfString(member: Buffer): string {
  let end = 1
  while (end < member.length - 1 && end < MAX_ECHO_CHARS * BYTES_AN_ESCAPE) {
    if (member[end] === BACKSLASH) end += member[end + 1] === LETTER_U ? 6 : 2
    else end++
  }
  return JSON.parse(`${member.toString('utf8', 0, end)}"`)
}
