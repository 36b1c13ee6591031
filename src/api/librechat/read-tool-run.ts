import { isUtf8 } from 'node:buffer'
import { z } from 'zod'
import { jsonElements, jsonMembers } from '../../lib/json-members.ts'
import { isJson } from '../../lib/json-text.ts'
import type { Read, RunInput } from '../v1/read-run.ts'
import { type FileIn, filesIn } from './read-exec.ts'
import { namedTools, type Tool, type ToolLanguage, toolsIn } from './tools.ts'

/** A body of `/exec/programmatic`: a program that may call tools, or answers of tools that it has called. */
export type ToolRunBody =
  | {
      readonly kind: 'program'
      readonly language: ToolLanguage
      readonly tools: readonly Tool[]
      readonly files: readonly FileIn[]
      /** The caller's limit of one run; null: it has none. */
      readonly timeoutMs: number | null
    }
  | { readonly kind: 'answers'; readonly token: string }

/** What a tool has answered to a call. */
export interface ToolAnswer {
  readonly id: string
  /** JSON text; null: it has failed. */
  readonly result: Buffer | null
  /** Why it has failed. */
  readonly error: string
}

/** Descriptions of tools are long. */
const MAX_MEMBER_BYTES = 1024 ** 2
export const MAX_CALLS = 200
const MAX_ERROR_CHARACTERS = 100_000
const [QUOTE, OPEN_OBJECT, OPEN_ARRAY] = [0x22, 0x7b, 0x5b]

const program = z.object({
  language: z.string().nullish(),
  lang: z.string().nullish(),
  tools: toolsIn,
  files: filesIn.nullish(),
  timeout: z.number().positive().nullish(),
})
const SMALL = ['language', 'lang', 'tools', 'files', 'timeout', 'continuation_token'] as const

/**
 * Reads a body of `/exec/programmatic`, on the bytes as readExec() does. What it does not know it ignores.
 * @returns a run whose arguments are a ToolRunBody. Its code is the JSON text of the program, its stdin that of
 *   the answers.
 */
export function readToolRun(body: Buffer): Read<readonly RunInput[]> {
  const isObject = isUtf8(body) && isJson(body) && body.find((c) => c > 0x20) === OPEN_OBJECT
  if (!isObject) return wrong('The body is not a JSON object')
  const found = jsonMembers(body, [...SMALL, 'code', 'tool_results'])
  const small: Record<string, unknown> = {}
  for (const name of SMALL) {
    const member = found.get(name)
    if (member === undefined) continue
    if (member.length > MAX_MEMBER_BYTES) return wrong(`${name} is too large`)
    small[name] = JSON.parse(member.toString())
  }
  const { continuation_token: token } = small
  if (typeof token === 'string' && token !== '') {
    const results = found.get('tool_results')
    if (results?.[0] !== OPEN_ARRAY) return wrong('tool_results must be a list')
    if (answersIn(results).length === 0) return wrong('tool_results has no answer to a call')
    return transported({ kind: 'answers', token }, Buffer.alloc(0), results)
  }
  const code = found.get('code')
  if (code?.[0] !== QUOTE || code.length === 2) return wrong('Missing required field: code')
  if (!Array.isArray(small.tools)) return wrong('Missing required field: tools')
  const parsed = program.safeParse(small)
  if (!parsed.success) {
    return wrong(`${(parsed.error.issues[0]?.path ?? []).join('.')} is not valid`)
  }
  const { language: asked, lang, files, timeout, tools: given } = parsed.data
  const language = languageOf(asked ?? lang ?? 'python')
  if (language === null) return wrong('Unsupported language: a program may be python or bash')
  const tools = namedTools(given, language)
  if (typeof tools === 'string') return wrong(tools)
  const read = { language, tools, files: files ?? [], timeoutMs: timeout ?? null }
  return transported({ kind: 'program', ...read }, code, null)
}

/** Returns the body, of what readToolRun() has read. */
export function toolRunBody({ argumentsJson }: RunInput): ToolRunBody {
  return JSON.parse(argumentsJson.toString()) as ToolRunBody
}

/** Returns the answers in the JSON text of a list; entries that are not answers are left out. */
export function answersIn(results: Buffer): readonly ToolAnswer[] {
  const answers: ToolAnswer[] = []
  for (const element of jsonElements(results)) {
    if (answers.length === MAX_CALLS) break
    if (element[0] !== OPEN_OBJECT) continue
    const found = jsonMembers(element, ['call_id', 'result', 'is_error', 'error_message'])
    const id = textOf(found.get('call_id'))
    if (id === '') continue
    const isError = found.get('is_error')?.toString() === 'true'
    const result = isError ? null : Buffer.from(found.get('result') ?? 'null')
    const error = textOf(found.get('error_message')) || 'The tool has failed'
    answers.push({ id, result, error })
  }
  return answers
}

function textOf(json: Buffer | undefined): string {
  if (json?.[0] !== QUOTE) return ''
  const text = json.length > 6 * MAX_ERROR_CHARACTERS ? '' : JSON.parse(json.toString())
  return (text as string).slice(0, MAX_ERROR_CHARACTERS)
}

function languageOf(name: string): ToolLanguage | null {
  if (name === 'python' || name === 'py') return 'python'
  return name === 'bash' || name === 'sh' ? 'bash' : null
}

function transported(
  body: ToolRunBody,
  code: Buffer,
  stdin: Buffer | null,
): Read<readonly RunInput[]> {
  const language = body.kind === 'program' ? body.language : 'python'
  const fields = { language, mode: 'script' as const, argv: [], env: {}, limits: {} }
  const argumentsJson = Buffer.from(JSON.stringify(body))
  return { value: [{ fields, code, argumentsJson, stdin, files: [], at: '' }] }
}

function wrong(detail: string): Read<readonly RunInput[]> {
  return { issues: [{ pointer: '', detail }] }
}
