import { readFileSync } from 'node:fs'
import { basename, extname } from 'node:path'
import type { Limits, RunToSend } from '../clients/typescript/src/index.ts'
import { EXTENSIONS } from './commands.ts'
import { Failure } from './failure.ts'

/** The options of `run` as they were parsed. */
export interface RunValues {
  readonly language?: string
  readonly template?: string
  readonly arg?: string[]
  readonly arguments?: string
  readonly mode?: string
  readonly file?: string[]
  readonly env?: string[]
  readonly stdin?: string
  readonly limit?: string[]
  readonly network?: string
  readonly collect?: string[]
}

/**
 * The run that a command line asks for. What the service checks is left to it.
 * @param words behind the program
 * @throws Failure
 */
export function runOf(
  file: string,
  words: readonly string[],
  values: RunValues,
  env: Readonly<Record<string, string | undefined>>,
): RunToSend {
  if (file === '-' && values.stdin === '-') {
    throw new Failure('the program and its stdin cannot both come from stdin')
  }
  const code = readText(file)
  const language = values.language ?? (values.template ? undefined : languageOf(file, code))
  return {
    code,
    language,
    template: values.template,
    // The service says which modes there are.
    mode: (values.mode ?? (values.arguments ? 'function' : undefined)) as RunToSend['mode'],
    arguments: values.arguments === undefined ? undefined : argumentsOf(values.arguments),
    argv: [...(values.arg ?? []), ...words],
    stdin: values.stdin === undefined ? undefined : readText(values.stdin),
    env: Object.fromEntries((values.env ?? []).map((text) => variableOf(text, env))),
    files: (values.file ?? []).map(fileOf),
    limits: limitsOf(values.limit ?? []),
    network: values.network as RunToSend['network'],
    collect: values.collect,
  }
}

function languageOf(file: string, code: string): string {
  const byName = EXTENSIONS[extname(file).slice(1).toLowerCase()]
  if (byName) return byName
  const interpreter = /^#!\s*(?:\S*\/)?([^/\s]+)(?:[ \t]+(?:-S[ \t]+)?(\S+))?/.exec(code)
  const name = interpreter?.[1] === 'env' ? interpreter[2] : interpreter?.[1]
  // python3.11 is python, node is what the service calls nodejs.
  const language = name?.replace(/[\d.]+$/, '').replace(/^node$/, 'nodejs')
  if (language) return language
  throw new Failure(`say the language of ${file === '-' ? 'the program' : file}: --language NAME`)
}

function argumentsOf(text: string): Record<string, unknown> {
  const json = text.startsWith('@') ? readText(text.slice(1)) : text
  try {
    // As they are written: a number with many digits keeps them.
    const value: unknown = exactJson(json)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return value as Record<string, unknown>
    }
  } catch {
    // As below.
  }
  throw new Failure('--arguments must be a JSON object, such as \'{"n": 3}\'')
}

function variableOf(text: string, env: Readonly<Record<string, string | undefined>>) {
  const at = text.indexOf('=')
  if (at >= 0) return [text.slice(0, at), text.slice(at + 1)]
  const value = env[text]
  if (value === undefined) throw new Failure(`--env ${text}: there is no such variable here`)
  return [text, value]
}

/** `PATH:NAME`; a name has no colon, a path may have. */
function fileOf(text: string): { path: string; content: Uint8Array } {
  const at = text.lastIndexOf(':')
  const [from, path] = at > 0 ? [text.slice(0, at), text.slice(at + 1)] : [text, basename(text)]
  return { path, content: readBytes(from) }
}

const UNITS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  time: { '': 1, ms: 1, s: 1000, m: 60_000 },
  bytes: { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 },
  count: { '': 1 },
}
const LIMITS: Readonly<Record<string, readonly [keyof Limits, string, number]>> = {
  wall: ['wall_ms', 'time', 1],
  cpu: ['cpu_ms', 'time', 1],
  memory: ['memory_mb', 'bytes', 1024 ** 2],
  output: ['output_bytes', 'bytes', 1],
  processes: ['processes', 'count', 1],
}

/** @param texts such as `wall=5s` and `memory=64m` */
export function limitsOf(texts: readonly string[]): Limits {
  const entries = texts.map((text) => {
    const [, name = '', digits = '', unit = ''] =
      /^(\w+)=(\d+(?:\.\d+)?)([a-z]*)$/i.exec(text) ?? []
    const [member, kind, factor] = (Object.hasOwn(LIMITS, name) && LIMITS[name]) || []
    const one = kind && UNITS[kind]?.[unit.toLowerCase()]
    if (!member || !one) {
      throw new Failure(`--limit ${text}: write wall=5s, memory=64m or output=1m`)
    }
    const value = (Number(digits) * one) / (factor ?? 1)
    if (Number.isInteger(value) && value > 0) return [member, value]
    const unitOf = {
      wall_ms: 'ms',
      cpu_ms: 'ms',
      memory_mb: 'MiB',
      output_bytes: 'bytes',
      processes: 'processes',
    }
    throw new Failure(`--limit ${text}: must be a whole number of ${unitOf[member]} above 0`)
  })
  return Object.fromEntries(entries)
}

/** JSON whose numbers are written again as they were, however many digits they have. */
export function exactJson(text: string): unknown {
  // biome-ignore lint/suspicious/noExplicitAny: newer than the types of this compiler
  const { rawJSON } = JSON as any
  const reviver = (_key: string, value: unknown, context?: { source: string }) =>
    typeof value === 'number' && context ? rawJSON(context.source) : value
  return JSON.parse(text, reviver as (key: string, value: unknown) => unknown)
}

function readText(file: string): string {
  return readBytes(file).toString()
}

function readBytes(file: string): Buffer {
  try {
    return readFileSync(file === '-' ? 0 : file)
  } catch (error) {
    throw new Failure(`${file}: ${(error as Error).message.replace(/,.*/, '')}`)
  }
}
