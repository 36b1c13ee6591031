import { z } from 'zod'

/** Languages whose programs may call tools. */
export type ToolLanguage = 'python' | 'bash'

/** A tool of the caller's, as a program finds it. */
export interface Tool {
  /** The caller's name for it. */
  readonly name: string
  /** Of its function in the program. */
  readonly identifier: string
  /** Names of its parameters, in their order. */
  readonly parameters: readonly string[]
}

const MAX_TOOLS = 100

export const toolsIn = z
  .array(
    z.object({
      name: z.string().min(1).max(256),
      parameters: z
        .object({ properties: z.record(z.string(), z.unknown()) })
        .nullish()
        .catch(null),
    }),
  )
  .min(1)
  .max(MAX_TOOLS)

/** Words that cannot name a function, to which clients add `_tool`. */
const RESERVED: Readonly<Record<ToolLanguage, ReadonlySet<string>>> = {
  python: new Set(
    'False None True and as assert async await break class continue def del elif else except finally for from global if import in is lambda nonlocal not or pass raise return try while with yield'.split(
      ' ',
    ),
  ),
  bash: new Set(
    'if then else elif fi case esac for while until do done in function select time coproc declare typeset local readonly export unset'.split(
      ' ',
    ),
  ),
}

/** What programs have already; a tool would take its place. */
const TAKEN: ReadonlySet<string> = new Set(['ToolExecutionError', '_call_tool'])

/**
 * Names the functions of tools as LibreChat's clients do.
 * @returns in place of tools, what is wrong with their names
 */
export function namedTools(
  tools: z.infer<typeof toolsIn>,
  language: ToolLanguage,
): readonly Tool[] | string {
  const named = new Map<string, Tool>()
  for (const { name, parameters } of tools) {
    const identifier = identifierOf(name, language)
    const other = named.get(identifier)
    if (other) return `The tools "${other.name}" and "${name}" have the same name in a program`
    if (identifier === '' || TAKEN.has(identifier)) {
      return `The tool "${name}" cannot have a name in a program`
    }
    named.set(identifier, {
      name,
      identifier,
      parameters: Object.keys(parameters?.properties ?? {}),
    })
  }
  return [...named.values()]
}

function identifierOf(name: string, language: ToolLanguage): string {
  const spaces = language === 'bash' ? /[-\s.]/g : /[-\s]/g
  const letters = name.replace(spaces, '_').replace(/\W/g, '')
  const word = /^\d/.test(letters) ? `_${letters}` : letters
  return RESERVED[language].has(word) ? `${word}_tool` : word
}
