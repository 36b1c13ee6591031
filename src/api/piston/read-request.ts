import { jsonElements } from '../../lib/json-members.ts'
import { isPlainPath } from '../../lib/plain-path.ts'
import type { InputFile } from '../../run/types.ts'
import { JsonBody, WrongMember } from '../json-body.ts'
import { clash, NO_ARGUMENTS, type Read, type RunInput } from '../v1/read-run.ts'
import { MAX_FILES } from '../v1/request-schema.ts'

/** What a request says beside the run itself. */
export interface PistonRequest {
  readonly language: string
  readonly version: string
  /** `run_timeout` and the like, as they were sent. */
  readonly constraints: Readonly<Record<string, unknown>>
}

export const CONSTRAINTS = ['memory_limit', 'timeout', 'cpu_time'].flatMap((name) => [
  `compile_${name}`,
  `run_${name}`,
])
const NAMES = ['language', 'version', 'files', 'stdin', 'args', ...CONSTRAINTS]
const MAX_ARGS = 256

/**
 * Reads a request of Piston's to run files. It works on the bytes, so that code of megabytes never becomes a text.
 * @returns a run without a language of ours; what is asked beside it is its `own`
 */
export function readPiston(body: Buffer): Read<readonly RunInput[]> {
  try {
    return { value: [inputOf(JsonBody.read(body, NAMES))] }
  } catch (error) {
    if (!(error instanceof WrongMember)) throw error
    return { issues: [{ pointer: error.pointer, detail: error.message }] }
  }
}

function inputOf(body: JsonBody): RunInput {
  const [language, version] = ['language', 'version'].map((name) => {
    const value = body.value(name)
    if (typeof value === 'string' && value !== '') return value
    throw new WrongMember(`/${name}`, `${name} is required as a string`)
  }) as [string, string]
  const { code, files } = filesOf(body.json('files'))
  const own: PistonRequest = {
    language,
    version,
    constraints: Object.fromEntries(CONSTRAINTS.map((name) => [name, body.value(name)])),
  }
  const fields = { mode: 'script' as const, argv: argsOf(body), env: {}, limits: {}, collect: [] }
  const stdin = body.text('stdin')
  return { fields, code, argumentsJson: NO_ARGUMENTS, stdin, files, at: '', own }
}

function argsOf(body: JsonBody): string[] {
  const args = body.value('args') ?? []
  const isRight =
    Array.isArray(args) &&
    args.length <= MAX_ARGS &&
    args.every((arg) => ['string', 'number'].includes(typeof arg) && !String(arg).includes('\0'))
  if (!isRight)
    throw new WrongMember('/args', `args must be an array of ${MAX_ARGS} strings at most`)
  return args.map(String)
}

/** The first file that is a text is the program; it is among the files too, for others may import it. */
function filesOf(json: Buffer | undefined): { code: Buffer; files: InputFile[] } {
  if (json?.[0] !== 0x5b) throw new WrongMember('/files', 'files is required as an array')
  const files: InputFile[] = []
  let code: Buffer | null = null
  let index = 0
  for (const element of jsonElements(json)) {
    const at = `files[${index}]`
    if (index === MAX_FILES)
      throw new WrongMember('/files', `files has more than ${MAX_FILES} files`)
    const file = element[0] === 0x7b ? JsonBody.of(element, ['name', 'content', 'encoding']) : null
    const text = file?.text('content')
    if (!file || !text)
      throw new WrongMember(`/files/${index}`, `${at}.content is required as a string`)
    const encoding = file.value('encoding') || 'utf8'
    const name = file.value('name') || `file${index}.code`
    if (typeof name !== 'string' || !isPlainPath(name)) {
      throw new WrongMember(`/files/${index}`, `${at}.name must be a relative path`)
    }
    const content =
      encoding === 'utf8' ? text : Buffer.from(text.toString('latin1'), codecOf(encoding))
    const isProgram = encoding === 'utf8' && code === null
    if (isProgram) code = content
    const other = clash(files, name)
    if (other !== null)
      throw new WrongMember(`/files/${index}`, `${at}.name: ${other} is there already`)
    // The program itself lies there.
    if (!isProgram || !/^main\.[a-z]+$/.test(name)) files.push({ path: name, content })
    index++
  }
  if (code !== null) return { code, files }
  throw new WrongMember('/files', 'files must include at least one utf8 encoded file')
}

function codecOf(encoding: unknown): 'base64' | 'hex' {
  if (encoding === 'base64' || encoding === 'hex') return encoding
  throw new WrongMember('/files', 'encoding must be utf8, base64 or hex')
}
