import { MIB } from '../../lib/units.ts'
import { mostCpuTimeMs } from '../../run/cpu-time.ts'
import type { RunLimits, RunMode, RunRequest } from '../../run/types.ts'
import { type Issue, invalid, Problem } from './problems.ts'
import type { RunInput } from './read-run.ts'

/** What runs can be made of. */
export interface Template {
  readonly name: string
  /** Names that a request may say as `language`: the template's own and its aliases. */
  readonly languages: readonly string[]
  readonly modes: readonly RunMode[]
  readonly limits: RunLimits
  readonly network: 'none' | 'egress'
}

interface LimitWord {
  readonly limit: 'wallTimeMs' | 'cpuTimeMs' | 'memoryBytes' | 'outputBytes' | 'processes'
  /** How much of the limit's unit one of the wire's unit is. */
  readonly factor: number
}

/** The limits of the wire, and what they are in the core. */
export const LIMIT_WORDS = {
  wall_ms: { limit: 'wallTimeMs', factor: 1 },
  cpu_ms: { limit: 'cpuTimeMs', factor: 1 },
  memory_mb: { limit: 'memoryBytes', factor: MIB },
  output_bytes: { limit: 'outputBytes', factor: 1 },
  processes: { limit: 'processes', factor: 1 },
} as const satisfies Record<string, LimitWord>

type LimitName = keyof typeof LIMIT_WORDS

/** Returns a template's limits in the words of the wire. */
export function wireLimits(limits: RunLimits): Record<LimitName, number> {
  const all = { ...limits, cpuTimeMs: mostCpuTimeMs(limits) }
  const entries = Object.entries(LIMIT_WORDS).map(([name, { limit, factor }]) => [
    name,
    Math.floor(all[limit] / factor),
  ])
  return Object.fromEntries(entries)
}

/**
 * Makes a run of what was asked, if a template can run it.
 * @throws Problem that names the field
 */
export function admit(
  input: RunInput,
  templates: readonly Template[],
  caller: string,
  id: string,
): RunRequest {
  const { fields, code, argumentsJson, stdin, files, at } = input
  const template = chooseTemplate(fields, templates, at)
  const issues = [
    ...limitIssues(fields.limits, template, at),
    ...networkIssues(fields.network, template, at),
  ]
  if (issues.length > 0) throw invalid(issues)
  refuseMode(fields.mode, template, at)
  return {
    id,
    caller,
    template: template.name,
    program: { code, mode: fields.mode, argumentsJson, argv: fields.argv },
    stdin,
    env: fields.env,
    files,
    limits: coreLimits(fields.limits),
    collect: fields.collect ?? null,
  }
}

function chooseTemplate(
  { language, template }: RunInput['fields'],
  templates: readonly Template[],
  at: string,
): Template {
  const names = (list: readonly string[]) => [...new Set(list)].join(', ')
  const known = templates.find(({ name }) => name === template)
  if (template !== undefined && !known) {
    const detail = `there is no such template; there are ${names(templates.map(({ name }) => name))}`
    throw invalid([{ pointer: `${at}/template`, detail }])
  }
  if (language === undefined) {
    if (known) return known
    throw invalid([{ pointer: `${at}/language`, detail: 'say a language, or a template' }])
  }
  const speaks = ({ languages }: Template) => languages.includes(language)
  if (known) {
    if (speaks(known)) return known
    const detail = `the template ${known.name} has ${names(known.languages)}`
    throw invalid([{ pointer: `${at}/language`, detail }])
  }
  const first = templates.find(speaks)
  if (first) return first
  const all = names(templates.flatMap(({ languages }) => languages))
  const detail = `there is no such language; there are ${all}`
  throw invalid([{ pointer: `${at}/language`, detail }])
}

function limitIssues(
  limits: RunInput['fields']['limits'],
  template: Template,
  at: string,
): Issue[] {
  const most = wireLimits(template.limits)
  return (Object.keys(LIMIT_WORDS) as LimitName[]).flatMap((name) => {
    if ((limits[name] ?? 0) <= most[name]) return []
    return [{ pointer: `${at}/limits/${name}`, detail: `is at most ${most[name]} here` }]
  })
}

/** A run gets the network that its template has. It is never given another one in silence. */
function networkIssues(
  network: RunInput['fields']['network'],
  template: Template,
  at: string,
): Issue[] {
  if (network === undefined || network === template.network) return []
  const detail =
    network === 'egress'
      ? 'the operator gives sandboxes no network'
      : 'sandboxes of this service have the network that the operator allows'
  return [{ pointer: `${at}/network`, detail }]
}

function refuseMode(mode: RunMode, template: Template, at: string): void {
  if (template.modes.includes(mode)) return
  if (mode === 'cell') {
    throw new Problem('not-implemented', `mode: no cells are run with ${template.name}.`, {
      errors: [{ pointer: `${at}/mode`, detail: 'is not implemented' }],
    })
  }
  const detail = `${template.name} has ${template.modes.join(', ')}`
  throw invalid([{ pointer: `${at}/mode`, detail }])
}

function coreLimits(limits: RunInput['fields']['limits']): Partial<RunLimits> {
  const given = (Object.keys(LIMIT_WORDS) as LimitName[]).flatMap((name) => {
    const value = limits[name]
    const { limit, factor } = LIMIT_WORDS[name]
    return value === undefined ? [] : [[limit, value * factor] as const]
  })
  return Object.fromEntries(given)
}
