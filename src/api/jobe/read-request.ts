import { JsonBody, WrongMember } from '../json-body.ts'
import { NO_ARGUMENTS, type Read, type RunInput } from '../v1/read-run.ts'

/** What a run says beside its program. */
export interface JobeRequest {
  /** In small letters. */
  readonly language: string
  /** Ids of files that were put before, and what each is called. */
  readonly files: readonly (readonly [id: string, name: string])[]
  readonly parameters: Readonly<Record<string, unknown>>
}

const NAMES = ['language_id', 'sourcecode', 'input', 'file_list', 'parameters', 'sourcefilename']
const MAX_FILES = 256
const MAX_ARGS = 256
/** What changes nothing here: Python writes no files beside the source, and has an environment of its own. */
const HARMLESS = new Set(['-B', '-E', '-BE', '-I', '-s', '-u', '--use_strict', '--use-strict'])

/** Tells whether a text may be the id of a file. */
export function isFileId(text: unknown): text is string {
  return typeof text === 'string' && /^[A-Za-z0-9]{8,128}$/.test(text)
}

/** Reads a run of Jobe's: `{run_spec: {...}}`. It works on the bytes, so that code of megabytes never becomes a text. */
export function readJobe(body: Buffer): Read<readonly RunInput[]> {
  try {
    return { value: [inputOf(body)] }
  } catch (error) {
    if (!(error instanceof WrongMember)) throw error
    return { issues: [{ pointer: error.pointer, detail: error.message }] }
  }
}

function inputOf(body: Buffer): RunInput {
  const whole = JsonBody.read(body, ['run_spec'])
  const json = whole.json('run_spec')
  if (json?.[0] !== 0x7b) throw wrong('No run_spec attribute found in post data')
  const spec = JsonBody.of(json, NAMES)
  const code = spec.text('sourcecode')
  if (code === null) throw wrong("run_spec is missing the required attribute 'sourcecode'")
  const language = spec.value('language_id')
  if (typeof language !== 'string') {
    throw wrong("run_spec is missing the required attribute 'language_id'")
  }
  const name = spec.value('sourcefilename') ?? ''
  if (typeof name !== 'string' || /^[.-]|[<>:"/\\|?*\p{Cc}]/u.test(name)) {
    throw wrong('The sourcefilename for the run_spec is illegal')
  }
  const given = spec.value('parameters') ?? {}
  const parameters = typeof given === 'object' ? (given as Record<string, unknown>) : {}
  const own: JobeRequest = {
    language: language.toLowerCase(),
    files: filesOf(spec.value('file_list') ?? []),
    parameters,
  }
  refuseInterpreterArgs(parameters.interpreterargs)
  const argv = argvOf(parameters.runargs ?? [])
  const fields = { mode: 'script' as const, argv, env: {}, limits: {}, collect: [] }
  const stdin = spec.text('input')
  return { fields, code, argumentsJson: NO_ARGUMENTS, stdin, files: [], at: '', own }
}

function filesOf(list: unknown): JobeRequest['files'] {
  if (!Array.isArray(list) || list.length > MAX_FILES) throw wrong('Invalid file list')
  return list.map((file) => {
    const isRight =
      Array.isArray(file) && [2, 3].includes(file.length) && isFileId(file[0]) && isName(file[1])
    if (!isRight) throw wrong(`Invalid file specifier: ${JSON.stringify(file).slice(0, 100)}`)
    return [file[0], file[1]]
  })
}

function isName(name: unknown): boolean {
  return typeof name === 'string' && /^[\w-][\w.-]{0,200}$/.test(name)
}

function argvOf(args: unknown): string[] {
  const isRight =
    Array.isArray(args) &&
    args.length <= MAX_ARGS &&
    args.every((arg) => ['string', 'number'].includes(typeof arg) && !String(arg).includes('\0'))
  if (!isRight) throw wrong('runargs must be a list of texts')
  return args.map(String)
}

function refuseInterpreterArgs(args: unknown): void {
  const all = Array.isArray(args) ? args : args === undefined || args === null ? [] : [args]
  if (all.every((arg) => HARMLESS.has(arg))) return
  throw wrong('interpreterargs are not taken by this server')
}

function wrong(detail: string): WrongMember {
  return new WrongMember('', detail)
}
