import { type ServedLanguage, servedLanguages } from '../served-languages.ts'
import type { OfferedTemplate } from '../v1/service.ts'
import { satisfies } from './versions.ts'

/** A language as Piston lists it. */
export interface Runtime {
  readonly language: string
  readonly version: string
  readonly aliases: readonly string[]
  readonly runtime?: string
}

/** Piston's names of our languages, as its packages have them (https://github.com/engineer-man/piston). */
const NAMES: Readonly<Record<string, Omit<Runtime, 'version'>>> = {
  python: { language: 'python', aliases: ['py', 'py3', 'python3'] },
  javascript: {
    language: 'javascript',
    aliases: ['node-javascript', 'node-js', 'javascript', 'js'],
    runtime: 'node',
  },
  typescript: {
    language: 'typescript',
    aliases: ['ts', 'node-ts', 'tsc', 'typescript3', 'typescript5'],
    runtime: 'node',
  },
  bash: { language: 'bash', aliases: ['sh'] },
}

/** Returns what `/runtimes` lists. */
export function runtimesOf(templates: readonly OfferedTemplate[]): Runtime[] {
  return servedLanguages(templates, Object.keys(NAMES)).map(runtimeOf)
}

/**
 * Returns the runtime that a request asks for, and our language.
 * @param version a selector of semantic versions, such as `*` or `3.x`
 * @returns null: there is none
 */
export function findRuntime(
  templates: readonly OfferedTemplate[],
  language: string,
  version: string,
): { runtime: Runtime; served: ServedLanguage } | null {
  for (const served of servedLanguages(templates, Object.keys(NAMES))) {
    const runtime = runtimeOf(served)
    // Python 2 is another language.
    const isUpward = served.name !== 'python'
    const isNamed = runtime.language === language || runtime.aliases.includes(language)
    if (isNamed && satisfies(runtime.version, version, isUpward)) return { runtime, served }
  }
  return null
}

function runtimeOf({ name, version }: ServedLanguage): Runtime {
  const { language, aliases, ...more } = NAMES[name] as Omit<Runtime, 'version'>
  const numbered = name === 'python' ? [`python${version.replace(/\.\d+$/, '')}`] : []
  return { language, version, aliases: [...aliases, ...numbered], ...more }
}
