import path from 'node:path'
import { readConfig } from './config.ts'
import type { InstalledRuntime } from './engine/runsc/installation.ts'
import { probePlatform } from './engine/runsc/platform.ts'
import { ManagerError } from './errors.ts'
import { consoleProgress } from './lib/progress.ts'
import { ensureInstallation } from './setup/install.ts'
import { supervisorPaths } from './setup/supervisor.ts'
import { TemplateBuilder } from './templates/builder.ts'
import {
  loadTemplate,
  type Template,
  templateFolders,
  templateNames,
} from './templates/definition.ts'

const USAGE = 'Say: executor-manager template build [NAME ...]'

/** Executes `executor-manager template`. @returns the exit status */
export async function templateCommand(
  [verb, ...names]: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<number> {
  if (verb === 'build' && !names.some((name) => name.startsWith('-')))
    return buildTemplates(names, env)
  console.error(`executor-manager: ${USAGE}`)
  return 2
}

/**
 * `executor-manager template build [NAME ...]`: builds these templates, or all that are described.
 * @returns the exit status
 */
async function buildTemplates(names: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const { progress, end } = consoleProgress()
  try {
    const config = readConfig(env)
    const { home, projectDir } = config
    const runtimesDir = path.join(projectDir, 'runtimes')
    const installation = await ensureInstallation(home, runtimesDir, progress, config.runsc)
    const runtimes = installation.runtimes.map(({ runtime }) => runtime)
    const folders = templateFolders(projectDir, home)
    const wanted = names.length > 0 ? names : templateNames(folders)
    if (wanted.length === 0) {
      const where = folders.join(' or ')
      throw new ManagerError(
        'TEMPLATE_INVALID',
        `There are no templates: make a folder in ${where}.`,
      )
    }
    const templates = wanted.map((name): Template => loadTemplate(name, folders, runtimes))
    const { rootfs } = installation.runtimes[0] as InstalledRuntime
    const platform = await probePlatform({ ...installation, rootfs, home })
    const site = { home, installation, programs: supervisorPaths(home, runtimesDir) }
    const builder = await TemplateBuilder.open(config, site, platform)
    // What it has made is removed by the steps that fail then.
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => builder.giveUp())
    }
    try {
      for (const template of templates) await builder.build(template, progress)
    } finally {
      await builder.close()
    }
    end()
    console.log(`Built: ${wanted.join(', ')}. A service that runs takes it within seconds.`)
    return 0
  } catch (error) {
    end()
    console.error(error instanceof ManagerError ? `executor-manager: ${error.message}` : error)
    return 1
  }
}
