import { isUtf8 } from 'node:buffer'
import type { z } from 'zod'
import { decodeBase64 } from '../../lib/base64.ts'
import { jsonElements, jsonEntries } from '../../lib/json-members.ts'
import { jsonStringBytes } from '../../lib/json-string.ts'
import { isJson } from '../../lib/json-text.ts'
import type { InputFile } from '../../run/types.ts'
import { VALUE_BOUNDS } from '../json-value.ts'
import { type Issue, pointerTo } from './problems.ts'
import { MAX_FILES, type RunFields, run } from './request-schema.ts'

/** A valid request to run something. Buffers may be views of the body. */
export interface RunInput {
  readonly fields: Omit<RunFields, 'code' | 'arguments' | 'stdin' | 'files'>
  /** UTF-8 source. */
  readonly code: Buffer
  /** JSON text of an object, as the caller wrote it. */
  readonly argumentsJson: Buffer
  readonly stdin: Buffer | null
  readonly files: readonly InputFile[]
  /** JSON Pointer of the run in the body; empty: the body itself. */
  readonly at: string
  /** What a front door's own protocol says beside, for that door. */
  readonly own?: object
}

export type Read<T> = { readonly value: T } | { readonly issues: readonly Issue[] }

/** Members other than code, arguments, stdin and files become objects; larger ones are refused. */
const MAX_MEMBER_BYTES = 128 * 1024
const MAX_NAME_BYTES = 100
const [QUOTE, OPEN_OBJECT, OPEN_ARRAY] = [0x22, 0x7b, 0x5b]
const BYTE_ORDER_MARK = Buffer.from('\ufeff')
/** Shared by all runs that have none. */
export const NO_ARGUMENTS = Buffer.from('{}')

/** What may be large, on its way past the schema: the schema sees a placeholder of the same type. */
export interface Bulk {
  code: Buffer
  argumentsJson: Buffer
  stdin: Buffer | null
  readonly contents: Map<number, Buffer>
}

export const newBulk = (): Bulk => ({
  code: Buffer.alloc(0),
  argumentsJson: NO_ARGUMENTS,
  stdin: null,
  contents: new Map(),
})

/**
 * Reads a body that is a run in JSON. It works on the bytes: code, arguments and files of many megabytes
 * never become texts or objects, whose making takes far longer for some bodies than for others.
 */
export function readRun(body: Buffer): Read<RunInput> {
  const json = jsonOf(body)
  return Buffer.isBuffer(json) ? readRunMember(json, '') : { issues: [json] }
}

/** Returns the body once it is known to be JSON. */
export function jsonOf(body: Buffer): Buffer | Issue {
  const json = body.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK)
    ? body.subarray(BYTE_ORDER_MARK.length)
    : body
  if (!isUtf8(json)) return { pointer: '', detail: 'The body is not valid UTF-8.' }
  if (!isJson(json)) return { pointer: '', detail: 'The body is not valid JSON.' }
  return json
}

/**
 * Reads a run that is a part of a JSON body.
 * @param json valid JSON text
 * @param at pointer of the part, for issues
 */
export function readRunMember(json: Buffer, at: string): Read<RunInput> {
  if (!startsWith(json, OPEN_OBJECT)) {
    return { issues: [{ pointer: at, detail: 'must be an object' }] }
  }
  const bulk = newBulk()
  const value: Record<string, unknown> = {}
  for (const [key, member] of jsonEntries(json)) {
    const name = nameOf(key)
    if (!Object.hasOwn(run.shape, name)) {
      return { issues: [{ pointer: at, detail: `unknown field ${JSON.stringify(name)}` }] }
    }
    const issue = takeMember(value, bulk, name, member)
    if (issue) return { issues: [{ ...issue, pointer: at + issue.pointer }] }
  }
  return checkRun(value, bulk, at)
}

/**
 * Checks a run by its schema, and makes the input of it.
 * @param value what the schema sees of a run, whose large members are in `bulk`
 */
export function checkRun(value: unknown, bulk: Bulk, at: string): Read<RunInput> {
  const parsed = run.safeParse(value)
  if (!parsed.success) return { issues: issuesOf(parsed.error, at) }
  const { code: _, arguments: __, stdin: ___, files, ...fields } = parsed.data
  const inputs: InputFile[] = []
  for (const [index, file] of files.entries()) {
    const pointer = `${at}/files/${index}`
    const raw = bulk.contents.get(index)
    const isText = file.content !== undefined
    const content = raw && !isText ? decodeBase64(raw) : raw
    if (!content)
      return { issues: [{ pointer: `${pointer}/content_base64`, detail: 'is not base64' }] }
    const other = clash(inputs, file.path)
    if (other !== null) {
      const detail = `${JSON.stringify(other)} is there already`
      return { issues: [{ pointer: `${pointer}/path`, detail }] }
    }
    inputs.push({ path: file.path, content })
  }
  const { code, argumentsJson, stdin } = bulk
  return { value: { fields, code, argumentsJson, stdin, files: inputs, at } }
}

/** Returns a file of the same path, or one that would have to be a folder of the other; null: there is none. */
export function clash(files: readonly InputFile[], path: string): string | null {
  for (const { path: other } of files) {
    if (other === path || other.startsWith(`${path}/`) || path.startsWith(`${other}/`)) return other
  }
  return null
}

/** Returns what zod says, with the names of unknown fields. */
export function issuesOf(error: z.ZodError, at: string): Issue[] {
  return error.issues.slice(0, 20).map((issue) => {
    const pointer = at + pointerTo(issue.path)
    if (issue.code === 'unrecognized_keys') {
      // There may be thousands of them, each as long as the member may be.
      const names = issue.keys
        .slice(0, 5)
        .map((key) => JSON.stringify(key.slice(0, MAX_NAME_BYTES)))
      return { pointer, detail: `unknown field ${names.join(', ')}` }
    }
    const { message } = issue.code === 'invalid_key' ? (issue.issues[0] ?? issue) : issue
    return { pointer, detail: message.replace(/^Invalid input: /, '') }
  })
}

/** Takes one member of a run: small ones into `value`, the others into `bulk`. */
export function takeMember(
  value: Record<string, unknown>,
  bulk: Bulk,
  name: string,
  member: Buffer,
): Issue | null {
  if (name === 'code' && member[0] === QUOTE) {
    value.code = ''
    bulk.code = jsonStringBytes(member)
  } else if (name === 'stdin' && member[0] === QUOTE) {
    value.stdin = ''
    bulk.stdin = jsonStringBytes(member)
  } else if (name === 'arguments' && member[0] === OPEN_OBJECT) {
    value.arguments = {}
    bulk.argumentsJson = member
  } else if (name === 'files' && member[0] === OPEN_ARRAY) {
    return takeFiles(value, bulk, member)
  } else {
    return takeSmall(value, name, member, `/${name}`)
  }
  return null
}

function takeFiles(value: Record<string, unknown>, bulk: Bulk, member: Buffer): Issue | null {
  const files: unknown[] = []
  value.files = files
  for (const element of jsonElements(member)) {
    const index = files.length
    if (index === MAX_FILES)
      return { pointer: '/files', detail: `has more than ${MAX_FILES} files` }
    if (element[0] !== OPEN_OBJECT) {
      files.push(null)
      continue
    }
    const file: Record<string, unknown> = {}
    files.push(file)
    for (const [key, part] of jsonEntries(element)) {
      const name = nameOf(key)
      if (Object.keys(file).length > 3) break
      if ((name === 'content' || name === 'content_base64') && part[0] === QUOTE) {
        file[name] = ''
        bulk.contents.set(index, jsonStringBytes(part))
      } else {
        const issue = takeSmall(file, name, part, `/files/${index}/${name}`)
        if (issue) return issue
      }
    }
  }
  return null
}

/** Takes a member that becomes a value as JSON.parse() makes it. */
export function takeSmall(
  value: Record<string, unknown>,
  name: string,
  member: Buffer,
  pointer: string,
): Issue | null {
  if (member.length > MAX_MEMBER_BYTES) {
    return { pointer, detail: `is larger than ${MAX_MEMBER_BYTES / 1024} KiB` }
  }
  if (!isJson(member, VALUE_BOUNDS)) return { pointer, detail: 'has too many values' }
  const parsed: unknown = JSON.parse(member.toString())
  // The schema would leave it out without a word: of all names it alone means something to an object.
  if (typeof parsed === 'object' && parsed !== null && Object.hasOwn(parsed, '__proto__')) {
    return { pointer, detail: 'has a member __proto__' }
  }
  // Not by assignment: `__proto__` is a name like any other.
  Object.defineProperty(value, name, { value: parsed, enumerable: true, configurable: true })
  return null
}

function nameOf(key: Buffer): string {
  if (key.length > MAX_NAME_BYTES) return `${key.toString('utf8', 1, MAX_NAME_BYTES)}…`
  return JSON.parse(key.toString()) as string
}

function startsWith(json: Buffer, byte: number): boolean {
  return json.find((c) => c > 0x20) === byte
}
