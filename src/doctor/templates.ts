/** What the doctor says of the operator's templates. */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { imagesFolder } from '../images/build.ts'
import { imageHash } from '../images/recipe.ts'
import type { Runtime } from '../runtimes/definition.ts'
import { templateHash } from '../templates/build.ts'
import { loadTemplate, templateFolders, templateNames } from '../templates/definition.ts'

export interface DescribedTemplate {
  /** A line of the doctor's report. */
  readonly finding: { state: 'ok' | 'note'; subject: string; text: string; remedy?: string }
  /** Name of its image's folder; null: its description is not valid. */
  readonly image: string | null
}

/** Says of each template whether it is valid and built. */
export function describeTemplates(
  { home, runtimesDir }: { home: string; runtimesDir: string },
  runtimes: readonly Runtime[],
): DescribedTemplate[] {
  const folders = templateFolders(dirname(runtimesDir), home)
  return templateNames(folders).map((name) => {
    const subject = `template ${name}`
    try {
      const template = loadTemplate(name, folders, runtimes)
      const hash = templateHash(template, imageHash(template.base))
      const image = `${name}-${hash}`
      if (existsSync(join(imagesFolder(home), image))) {
        return { image, finding: { state: 'ok', subject, text: `${template.base.name}, ${hash}` } }
      }
      const remedy = `executor-manager template build ${name} (a start does it too)`
      return { image, finding: { state: 'note', subject, text: 'not built', remedy } }
    } catch (error) {
      const text = (error as Error).message
      return { image: null, finding: { state: 'note', subject, text, remedy: 'correct the file' } }
    }
  })
}
