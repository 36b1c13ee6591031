import type { OfferedTemplate } from '../v1/service.ts'
import type { KernelLanguage } from './replies.ts'

/** Names that clients of Jupyter know, of our templates. */
const KERNEL_NAMES: Readonly<Record<string, string>> = { python: 'python3', nodejs: 'javascript' }

const LANGUAGES: Readonly<Record<string, Omit<KernelLanguage, 'version'>>> = {
  python: { name: 'python', mimetype: 'text/x-python', extension: '.py' },
  nodejs: { name: 'javascript', mimetype: 'text/javascript', extension: '.js' },
  bash: { name: 'bash', mimetype: 'text/x-sh', extension: '.sh' },
}

/** Templates by their kernel's name; Python, which clients take by default, first. */
export function kernelNames(
  templates: readonly OfferedTemplate[],
): ReadonlyMap<string, OfferedTemplate> {
  const named = templates.map((one) => [KERNEL_NAMES[one.name] ?? one.name, one] as const)
  const isPython = ([, { name }]: (typeof named)[number]) => name === 'python'
  return new Map([...named.filter(isPython), ...named])
}

/** Returns what a kernelspec tells of the language of a template. */
export function languageOf({ name, version }: OfferedTemplate): KernelLanguage {
  const known = LANGUAGES[name] ?? { name, mimetype: 'text/plain', extension: '.txt' }
  return { ...known, version: version ?? '' }
}

/** Returns a kernelspec, as `GET /api/kernelspecs` lists it. */
export function specOf(name: string, template: OfferedTemplate) {
  const language = languageOf(template)
  const display = [language.name, language.version].filter(Boolean).join(' ')
  return {
    name,
    spec: {
      argv: [],
      env: {},
      display_name: display,
      language: language.name,
      interrupt_mode: 'message',
      metadata: {},
    },
    resources: {},
  }
}
