import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import type { Answer } from '../support/client.ts'

/**
 * A hostile program. The comments at its top say what it does and what must come of it:
 *
 *   # tries: what it attempts, in words
 *   # expect: success {"a": 1} | resource_limit_exceeded/time | any
 *   # within: 5s
 *   # artifacts: none | a.csv b.csv          (may be left out)
 *
 * `expect` lists the outcomes that are right: a status, with `/` and the kind of limit, access or
 * error, with the result as JSON (of a bash script: what it printed, as a JSON string). `any` is any
 * outcome that the contract knows for a program; said only where chance decides, or the program's own
 * doing. `within` is from hand-over to answer. `//` in place of `#` in JavaScript.
 */
export interface HostileProgram {
  /** `language/file`. */
  readonly name: string
  readonly language: string
  readonly code: string
  readonly tries: string
  readonly expected: readonly Outcome[]
  readonly withinMs: number
  readonly artifacts: readonly string[] | null
}

export interface Outcome {
  readonly status: string
  readonly kind?: string
  readonly value?: unknown
}

const FOLDER = path.join(import.meta.dirname, 'programs')
/** Whatever a program does, one of these comes of it. */
const ANY = ['success', 'program_error', 'runtime_error', 'resource_limit_exceeded'].concat(
  'unauthorized_access',
)
const MANDATORY = ['tries', 'expect', 'within'] as const

export function loadPrograms(): HostileProgram[] {
  return readdirSync(FOLDER)
    .sort()
    .flatMap((language) =>
      readdirSync(path.join(FOLDER, language))
        .sort()
        .map((file) => loadProgram(language, file)),
    )
}

/** Of how many programs of one kind (`bomb-`, `tamper-`, ...) and language one is essential. */
const ONE_OF = 6

/** Those that run with every change: the first of each kind and language, and each `ONE_OF`th after it. */
export function essentialPrograms(): HostileProgram[] {
  const seen = new Map<string, number>()
  return loadPrograms().filter(({ name }) => {
    const kind = name.split('-')[0] as string
    const before = seen.get(kind) ?? 0
    seen.set(kind, before + 1)
    return before % ONE_OF === 0
  })
}

/** Those that are not essential. */
export function otherPrograms(): HostileProgram[] {
  const essential = new Set(essentialPrograms().map(({ name }) => name))
  return loadPrograms().filter(({ name }) => !essential.has(name))
}

function loadProgram(language: string, file: string): HostileProgram {
  const name = `${language}/${file}`
  const code = readFileSync(path.join(FOLDER, name), 'utf8')
  const header = new Map<string, string>()
  for (const line of code.split('\n')) {
    const [, key, value] = /^(?:#|\/\/) (\w+): (.+)$/.exec(line) ?? []
    if (key === undefined || value === undefined) break
    header.set(key, value)
  }
  for (const key of MANDATORY) if (!header.has(key)) throw new Error(`${name} lacks "${key}"`)
  const [, seconds] = /^(\d+)s$/.exec(header.get('within') as string) ?? []
  if (!seconds) throw new Error(`${name}: "within" is not like 5s`)
  const artifacts = header.get('artifacts')
  return {
    name,
    language,
    code,
    tries: header.get('tries') as string,
    expected: (header.get('expect') as string).split(' | ').flatMap(parseOutcome),
    withinMs: Number(seconds) * 1000,
    artifacts: artifacts === undefined ? null : artifacts === 'none' ? [] : artifacts.split(' '),
  }
}

function parseOutcome(text: string): Outcome[] {
  if (text === 'any') return ANY.map((status) => ({ status }))
  const [, status = '', kind, value] = /^(\w+)(?:\/(\w+))?(?: (.+))?$/.exec(text) ?? []
  if (!ANY.includes(status)) throw new Error(`no outcome: ${text}`)
  return [
    {
      status,
      ...(kind === undefined ? {} : { kind }),
      ...(value === undefined ? {} : { value: JSON.parse(value) }),
    },
  ]
}

/** What of an answer an outcome speaks of. */
export function outcomeOf(answer: Answer, program: HostileProgram): Required<Outcome> {
  const { resource_limit_type, unauthorized_access_type, runtime_error_type } = answer
  return {
    status: answer.status,
    kind: resource_limit_type ?? unauthorized_access_type ?? runtime_error_type ?? '',
    value: program.language === 'bash' ? answer.stdout : (answer.result?.value ?? null),
  }
}

export function isExpected(outcome: Required<Outcome>, program: HostileProgram): boolean {
  return program.expected.some(
    ({ status, kind, value }) =>
      status === outcome.status &&
      (kind === undefined || kind === outcome.kind) &&
      (value === undefined || JSON.stringify(value) === JSON.stringify(outcome.value)),
  )
}
