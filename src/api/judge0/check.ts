import { mostCpuTimeMs } from '../../run/cpu-time.ts'
import type { RunLimits } from '../../run/types.ts'
import type { RunInput } from '../v1/read-run.ts'
import type { OfferedTemplate } from '../v1/service.ts'
import type { JudgeLanguage } from './languages.ts'
import { FLAGS, NUMBERS, type Values } from './read-request.ts'

/** What is wrong with a submission, by its members, in the words of Judge0. */
export type Wrong = Readonly<Record<string, readonly string[]>>

const KB = 1024
/** It has no meaning here, and is the same in every installation of Judge0. */
const FIXED_MOST: Readonly<Record<string, number>> = {
  number_of_runs: 1,
  cpu_extra_time: 5,
  stack_limit: 128_000,
  max_file_size: 4096,
}

/** Returns the most that a submission may ask for, in Judge0's units: seconds and kilobytes. */
export function mostOf(limits: RunLimits): Readonly<Record<(typeof NUMBERS)[number], number>> {
  return {
    ...(FIXED_MOST as Record<(typeof NUMBERS)[number], number>),
    cpu_time_limit: mostCpuTimeMs(limits) / 1000,
    wall_time_limit: limits.wallTimeMs / 1000,
    memory_limit: Math.floor(limits.memoryBytes / KB),
    max_processes_and_or_threads: limits.processes,
  }
}

/**
 * Checks a submission.
 * @param callbackIssue says what is wrong with an address; null: nothing
 * @returns the run that it asks for, or what is wrong with it
 */
export function checkSubmission(
  input: RunInput,
  languages: readonly JudgeLanguage[],
  callbackIssue: (url: string) => string | null,
): { input: RunInput; language: JudgeLanguage } | { wrong: Wrong } {
  const values = input.own as Values
  const wrong: Record<string, string[]> = {}
  const language = languages.find(({ id }) => id === Number(values.language_id))
  if (values.language_id === null) wrong.language_id = ["can't be blank"]
  else if (!language) {
    wrong.language_id = [
      `language with id ${String(values.language_id).slice(0, 50)} doesn't exist`,
    ]
  }
  if (values.has_source !== true) wrong.source_code = ["can't be blank"]
  Object.assign(wrong, language && wrongValues(values, language.served.template))
  const { callback_url: url } = values
  const issue = url === null ? null : typeof url === 'string' ? callbackIssue(url) : 'is not a text'
  if (issue !== null) wrong.callback_url = [issue]
  const argv = argvOf(values.command_line_arguments)
  if (argv === null) wrong.command_line_arguments = ['is invalid']
  if (!language || argv === null || Object.keys(wrong).length > 0) return { wrong }
  const fields = { ...input.fields, argv, language: language.served.name, limits: limitsOf(values) }
  return { input: { ...input, fields, files: [] }, language }
}

function wrongValues(values: Values, template: OfferedTemplate): Record<string, string[]> {
  const wrong: Record<string, string[]> = {}
  const most = mostOf(template.limits)
  for (const name of NUMBERS) {
    const value = values[name]
    if (value === null) continue
    const number = typeof value === 'string' && value.trim() === '' ? Number.NaN : Number(value)
    if (!Number.isFinite(number)) wrong[name] = ['is not a number']
    else if (number < 0) wrong[name] = ['must be greater than or equal to 0']
    else if (number > most[name]) wrong[name] = [`must be less than or equal to ${most[name]}`]
  }
  for (const name of FLAGS) {
    const value = values[name]
    if (value !== null && typeof value !== 'boolean') wrong[name] = ['is not a boolean']
  }
  const { enable_network: network } = values
  // A sandbox has the network that the operator allows, and is never given another one in silence.
  if (network === true && template.network === 'none') {
    wrong.enable_network = ['enabling network is not allowed']
  } else if (network === false && template.network !== 'none') {
    wrong.enable_network = ['disabling network is not allowed']
  }
  if (values.compiler_options) wrong.compiler_options = ['setting compiler options is not allowed']
  return wrong
}

function limitsOf(values: Values): RunInput['fields']['limits'] {
  const given = (name: string, factor: number) => {
    const value = Number(values[name] ?? 0)
    return value > 0 ? Math.max(1, Math.floor(value * factor)) : undefined
  }
  const limits = {
    cpu_ms: given('cpu_time_limit', 1000),
    wall_ms: given('wall_time_limit', 1000),
    memory_mb: given('memory_limit', 1 / KB),
    processes: given('max_processes_and_or_threads', 1),
  }
  return Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== undefined))
}

const MAX_ARGS = 256

/** Splits arguments as a shell does, with quotes and backslashes; null: they cannot be. */
export function argvOf(text: unknown): string[] | null {
  if (text === null || text === undefined) return []
  if (typeof text !== 'string' || text.includes('\0') || text.length > 64 * 1024) return null
  const words: string[] = []
  const word = /\s*((?:"(?:[^"\\]|\\[\s\S])*"|'[^']*'|\\[\s\S]|[^\s"'\\])+)/y
  const rest = () => text.slice(word.lastIndex).trim()
  while (rest() !== '') {
    const at = word.lastIndex
    const match = word.exec(text)
    if (!match || words.length === MAX_ARGS) {
      word.lastIndex = at
      return null
    }
    words.push(
      (match[1] as string).replace(
        /"((?:[^"\\]|\\[\s\S])*)"|'([^']*)'|\\([\s\S])/g,
        (_all, double, single, one) =>
          double !== undefined ? double.replace(/\\(["\\$`])/g, '$1') : (single ?? one),
      ),
    )
  }
  return words
}
