import { existsSync, statSync } from 'node:fs'
import path from 'node:path'
import type { Logger } from 'pino'
import type { Runtime } from '../runtimes/definition.ts'
import { filesBelow, loadTemplate, type Template, templateNames } from './definition.ts'

/** The templates that are described in some folders. What is wrong with a description is logged once. */
export class DescribedTemplates {
  readonly #folders: readonly string[]
  readonly #runtimes: readonly Runtime[]
  readonly #log: Logger
  readonly #told = new Set<string>()

  /** @param folders as of templateFolders() */
  constructor(folders: readonly string[], runtimes: readonly Runtime[], log: Logger) {
    this.#folders = folders
    this.#runtimes = runtimes
    this.#log = log
  }

  /** Returns the names of all that are described, valid or not. */
  names(): string[] {
    return templateNames(this.#folders)
  }

  /** Returns those whose description is valid. */
  valid(): Template[] {
    return this.names().flatMap((name) => {
      try {
        return [this.load(name)]
      } catch (err) {
        this.#tell(name, err as Error)
        return []
      }
    })
  }

  /** @throws ManagerError TEMPLATE_INVALID that names the file and the field */
  load(name: string): Template {
    return loadTemplate(name, this.#folders, this.#runtimes)
  }

  /**
   * Returns a text that changes when a file of a template does: its time of change, which nobody can set
   * (stat(2), st_ctime). It takes much less than to read and hash the files.
   * @throws ManagerError TEMPLATE_INVALID, Error of the system when a file goes away meanwhile
   */
  fingerprint(name: string): string {
    const folders = this.#folders.map((folder) => path.join(folder, name)).filter(existsSync)
    return folders
      .flatMap((folder) => filesBelow(folder).map((file) => path.join(folder, file)))
      .map((file) => `${file} ${statSync(file).ctimeMs}`)
      .join('\n')
  }

  #tell(name: string, err: Error): void {
    const problem = `${name}: ${err.message}`
    if (this.#told.has(problem)) return
    this.#told.add(problem)
    const [ofOperator = ''] = this.#folders
    if (existsSync(path.join(ofOperator, name))) {
      this.#log.error({ template: name, err }, 'template not served')
    } else {
      // The project's own templates are valid wherever all runtimes are installed.
      this.#log.info({ template: name, reason: err.message }, 'template not served')
    }
  }
}
