import { type ServedLanguage, servedLanguages } from '../served-languages.ts'
import type { OfferedTemplate } from '../v1/service.ts'

/** A language as Judge0 lists it. */
export interface JudgeLanguage {
  readonly id: number
  readonly name: string
  readonly served: ServedLanguage
}

/**
 * Judge0's ids of our languages, those of its versions 1.13.1 and 1.14.0: programs have them built in. There is one
 * version of each language here, which all of its ids run; the name says which.
 */
const IDS: Readonly<Record<string, { title: string; ids: readonly number[] }>> = {
  bash: { title: 'Bash', ids: [46] },
  javascript: { title: 'JavaScript (Node.js', ids: [63, 93, 97, 102] },
  python: { title: 'Python', ids: [71, 92, 100, 109, 113] },
  typescript: { title: 'TypeScript (Node.js', ids: [74, 94, 101] },
}

/** Returns the languages of this installation, by their ids. */
export function judgeLanguages(templates: readonly OfferedTemplate[]): JudgeLanguage[] {
  const all = servedLanguages(templates, Object.keys(IDS)).flatMap((served) => {
    const { title, ids } = IDS[served.name] as { title: string; ids: readonly number[] }
    const name = `${title}${title.includes('(') ? ' ' : ' ('}${served.version})`
    return ids.map((id) => ({ id, name, served }))
  })
  return all.sort((one, other) => one.id - other.id)
}

/** What a source is called there. */
export const SOURCE_FILES: Readonly<Record<string, string>> = {
  bash: 'script.sh',
  javascript: 'script.js',
  python: 'script.py',
  typescript: 'script.ts',
}
