import type { OfferedTemplate } from './v1/service.ts'

/** A language of this installation. */
export interface ServedLanguage {
  /** Our name. */
  readonly name: string
  readonly template: OfferedTemplate
  /** Of the language, with three numbers. */
  readonly version: string
}

/** Returns those of our languages that this installation has, in the given order. */
export function servedLanguages(
  templates: readonly OfferedTemplate[],
  names: readonly string[],
): ServedLanguage[] {
  return names.flatMap((name) => {
    const template = templates.find(({ languages }) => languages.includes(name))
    if (!template) return []
    const [major = '0', minor = '0', patch = '0'] = (template.version ?? '').match(/\d+/g) ?? []
    return [{ name, template, version: `${major}.${minor}.${patch}` }]
  })
}
