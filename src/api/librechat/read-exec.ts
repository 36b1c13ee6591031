import { isUtf8 } from 'node:buffer'
import { z } from 'zod'
import { jsonMembers } from '../../lib/json-members.ts'
import { jsonStringBytes } from '../../lib/json-string.ts'
import { isJson } from '../../lib/json-text.ts'
import { isPlainPath } from '../../lib/plain-path.ts'
import { NO_ARGUMENTS, type Read, type RunInput } from '../v1/read-run.ts'

/** Our names of LibreChat's languages. */
const LANGUAGES: Readonly<Record<string, string>> = {
  py: 'python',
  python: 'python',
  js: 'nodejs',
  javascript: 'nodejs',
  node: 'nodejs',
  nodejs: 'nodejs',
  ts: 'typescript',
  typescript: 'typescript',
  bash: 'bash',
  sh: 'bash',
}

/** Members that are small; larger bodies hold code. */
const MAX_MEMBER_BYTES = 128 * 1024
const [QUOTE, OPEN_OBJECT] = [0x22, 0x7b]

/** A file of an earlier answer or upload, of both generations of LibreChat. */
const fileIn = z
  .object({
    id: z.string(),
    name: z.string().refine(isPlainPath),
    storage_session_id: z.string().optional(),
    session_id: z.string().optional(),
    kind: z.unknown().optional(),
  })
  .transform(({ id, name, storage_session_id, session_id, kind }) => ({
    id,
    name,
    kind: String(kind ?? ''),
    session: storage_session_id ?? session_id ?? '',
  }))

export type FileIn = z.infer<typeof fileIn>

export const filesIn = z.array(fileIn).max(200)

const members = z.object({
  lang: z.string(),
  args: z.array(z.string()).max(256).nullish(),
  files: filesIn.nullish(),
})

/**
 * Reads a body of `/exec`. It works on the bytes, so that code of megabytes never becomes a text. What it
 * does not know it ignores.
 * @returns a run without its files; the files that it asks for are its arguments: `{"files": [...]}`
 */
export function readExec(body: Buffer): Read<readonly RunInput[]> {
  const isObject = isUtf8(body) && isJson(body) && body.find((c) => c > 0x20) === OPEN_OBJECT
  if (!isObject) return wrong('', 'The body is not a JSON object')
  const found = jsonMembers(body, ['lang', 'code', 'args', 'files'])
  const code = found.get('code')
  if (code?.[0] !== QUOTE) return wrong('/code', 'code is required')
  const small: Record<string, unknown> = {}
  for (const name of ['lang', 'args', 'files']) {
    const member = found.get(name)
    if (member === undefined) continue
    if (member.length > MAX_MEMBER_BYTES) return wrong(`/${name}`, `${name} is too large`)
    small[name] = JSON.parse(member.toString())
  }
  const parsed = members.safeParse(small)
  if (!parsed.success) {
    const path = parsed.error.issues[0]?.path ?? []
    return wrong(`/${path.join('/')}`, `${path.join('.')} is not valid`)
  }
  const { lang, args, files } = parsed.data
  const language = Object.hasOwn(LANGUAGES, lang) ? LANGUAGES[lang] : undefined
  if (language === undefined) return wrong('/lang', `Unsupported language: ${lang.slice(0, 50)}`)
  const fields = { language, mode: 'script' as const, argv: args ?? [], env: {}, limits: {} }
  const argumentsJson = files?.length ? Buffer.from(JSON.stringify({ files })) : NO_ARGUMENTS
  const input = { fields, code: jsonStringBytes(code), argumentsJson, stdin: null, files: [] }
  return { value: [{ ...input, at: '' }] }
}

/** Returns the files that a body of `/exec` asks for. */
export function filesOf({ argumentsJson }: RunInput): readonly FileIn[] {
  return (JSON.parse(argumentsJson.toString()) as { files?: FileIn[] }).files ?? []
}

function wrong(pointer: string, detail: string): Read<readonly RunInput[]> {
  return { issues: [{ pointer, detail }] }
}
