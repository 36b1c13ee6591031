/**
 * Reads the code policy: rules for code that is refused before it runs. A runtime that can inspect code has its rules
 * in a file of its folder, which an operator can replace. Only the runtime's runner knows what the rules mean; here
 * they are read, checked for their form and encoded, once.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { ManagerError } from '../errors.ts'
import type { Runtime } from './definition.ts'

export const POLICY_MODES = ['strict', 'balanced', 'off'] as const
export type PolicyMode = (typeof POLICY_MODES)[number]

const POLICY_FILE = 'policy.json'

const positiveInteger = z.number().int().positive()
const names = z.array(z.string().min(1))
/** Names, lists of names by the advice for them, or regular expressions by what they find. */
const field = z.union([names, z.record(z.string(), names), z.record(z.string(), z.string())])
const policySchema = z.strictObject({
  /** Longer code is refused: it would take too long to inspect. */
  maxSourceBytes: positiveInteger,
  /** Inspection gives up, and the code is refused, after this time. */
  maxMs: positiveInteger,
  strict: z.record(z.string(), field),
  balanced: z.record(z.string(), field),
})
type Policy = z.infer<typeof policySchema>

/**
 * Reads the policy of each runtime that has one, or the operator's in its place.
 * @param folder the operator's, with files named `<runtime>.json`; null: the operator has set no folder
 * @returns by runtime, as its runner takes it
 * @throws ManagerError CONFIG_INVALID that names file and field
 */
export function loadPolicies(
  runtimes: readonly Pick<Runtime, 'name' | 'folder'>[],
  mode: PolicyMode,
  folder: string | null,
): Map<string, Buffer> {
  const shipped = runtimes
    .map(({ name, folder }) => ({ name, file: join(folder, POLICY_FILE) }))
    .filter(({ file }) => existsSync(file))
  const replaced = folder === null ? new Map<string, string>() : replacements(folder)
  for (const [name, file] of replaced) {
    if (!shipped.some((one) => one.name === name)) {
      throw invalid(file, `no runtime "${name}" inspects code`)
    }
  }
  const policies = new Map<string, Buffer>()
  for (const { name, file } of shipped) {
    const own = read(file)
    const replacement = replaced.get(name)
    const policy = replacement === undefined ? own : read(replacement)
    if (replacement !== undefined) refuseOtherFields(policy, own, replacement)
    if (mode !== 'off') policies.set(name, encode(policy, mode))
  }
  return policies
}

function encode({ maxSourceBytes, maxMs, ...modes }: Policy, mode: 'strict' | 'balanced'): Buffer {
  return Buffer.from(JSON.stringify({ mode, maxSourceBytes, maxMs, rules: modes[mode] }))
}

function replacements(folder: string): Map<string, string> {
  let entries: string[]
  try {
    entries = readdirSync(folder)
  } catch (cause) {
    throw invalid(folder, `cannot be read: ${(cause as Error).message}`)
  }
  const files = entries.filter((name) => name.endsWith('.json'))
  return new Map(files.map((name) => [name.slice(0, -'.json'.length), join(folder, name)]))
}

function read(file: string): Policy {
  let json: unknown
  try {
    json = JSON.parse(readFileSync(file, 'utf8'))
  } catch (cause) {
    throw invalid(file, `cannot be read as JSON: ${(cause as Error).message}`)
  }
  const parsed = policySchema.safeParse(json)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    throw invalid(file, `${issue?.path.join('.') || 'the top level'}: ${issue?.message}`)
  }
  refuseBadPatterns(parsed.data, file)
  return parsed.data
}

function refuseBadPatterns(policy: Policy, file: string): void {
  for (const mode of ['strict', 'balanced'] as const) {
    for (const [name, value] of Object.entries(policy[mode])) {
      for (const [message, pattern] of Object.entries(value)) {
        if (Array.isArray(value) || typeof pattern !== 'string') continue
        try {
          new RegExp(pattern)
        } catch (error) {
          throw invalid(file, `${mode}.${name}.${message}: ${(error as Error).message}`)
        }
      }
    }
  }
}

/** Refuses a rule that is missing, misspelt or of another kind: no run would notice it. */
function refuseOtherFields(policy: Policy, shipped: Policy, file: string): void {
  for (const mode of ['strict', 'balanced'] as const) {
    for (const name of Object.keys(policy[mode])) {
      if (!(name in shipped[mode])) throw invalid(file, `${mode}.${name}: there is no such rule`)
    }
    for (const [name, value] of Object.entries(shipped[mode])) {
      const given = policy[mode][name]
      if (given === undefined) throw invalid(file, `${mode}.${name} is missing`)
      if (kindOf(given) !== kindOf(value)) {
        throw invalid(file, `${mode}.${name}: must be ${kindOf(value)}`)
      }
    }
  }
}

function kindOf(value: Policy['strict'][string]): string {
  if (Array.isArray(value)) return 'a list of names'
  const [first] = Object.values(value)
  return typeof first === 'string' ? 'regular expressions by message' : 'lists of names by advice'
}

function invalid(file: string, problem: string): ManagerError {
  return new ManagerError('CONFIG_INVALID', `code policy ${file}: ${problem}`)
}
