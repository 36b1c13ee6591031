import { isUtf8 } from 'node:buffer'
import { isJson } from '../../lib/json-text.ts'
import { boundaryOf, type Part, readParts } from './multipart.ts'
import type { Issue } from './problems.ts'
import { type Bulk, checkRun, newBulk, type Read, type RunInput, takeSmall } from './read-run.ts'
import { run } from './request-schema.ts'

/** Members that a form holds as JSON text. */
export const JSON_MEMBERS: readonly string[] = ['arguments', 'callback', 'env', 'limits']
/** Members of which a form may have several parts. */
export const LIST_MEMBERS: readonly string[] = ['argv', 'collect', 'files']
const MAX_FIELD_BYTES = 128 * 1024
const OPEN_OBJECT = 0x7b

/**
 * Reads a body that is a run in a form: a part for each member, of the same name; `arguments`, `callback`,
 * `env` and `limits` are JSON text; `argv`, `collect` and `files` may come several times. A file's path is its
 * part's file name.
 * @param contentType the header of the request
 */
export function readForm(body: Buffer, contentType: string): Read<RunInput> {
  const boundary = boundaryOf(contentType)
  const wrong = (detail: string) => ({ issues: [{ pointer: '', detail }] })
  if (boundary === null) return wrong('The header Content-Type names no boundary.')
  const parts = readParts(body, boundary)
  if ('wrong' in parts) return wrong(parts.wrong)
  const bulk = newBulk()
  const value: Record<string, unknown> = {}
  for (const part of parts) {
    const issue = takePart(value, bulk, part)
    if (issue) return { issues: [issue] }
  }
  return checkRun(value, bulk, '')
}

function takePart(value: Record<string, unknown>, bulk: Bulk, part: Part): Issue | null {
  const { name, content } = part
  const pointer = `/${name}`
  if (!Object.hasOwn(run.shape, name)) {
    return { pointer: '', detail: `unknown field ${JSON.stringify(name)}` }
  }
  const isList = LIST_MEMBERS.includes(name)
  if (!isList && Object.hasOwn(value, name)) return { pointer, detail: 'is there twice' }
  if (name === 'files') {
    const files = (value.files ?? []) as unknown[]
    bulk.contents.set(files.length, content)
    // As text: what is in the part is the file's content.
    value.files = [...files, { path: part.filename ?? '', content: '' }]
    return null
  }
  if (name === 'stdin') {
    value.stdin = ''
    bulk.stdin = content
    return null
  }
  if (!isUtf8(content)) return { pointer, detail: 'is not valid UTF-8' }
  if (name === 'code') {
    value.code = ''
    bulk.code = content
    return null
  }
  if (JSON_MEMBERS.includes(name)) return takeJson(value, bulk, name, content)
  if (content.length > MAX_FIELD_BYTES) return { pointer, detail: 'is larger than 128 KiB' }
  const text = content.toString()
  if (isList) value[name] = [...((value[name] ?? []) as string[]), text]
  else value[name] = text
  return null
}

function takeJson(
  value: Record<string, unknown>,
  bulk: Bulk,
  name: string,
  content: Buffer,
): Issue | null {
  const pointer = `/${name}`
  if (!isJson(content)) return { pointer, detail: 'is not valid JSON' }
  if (name === 'arguments' && content.find((c) => c > 0x20) === OPEN_OBJECT) {
    value.arguments = {}
    bulk.argumentsJson = content
    return null
  }
  return takeSmall(value, name, content, pointer)
}
