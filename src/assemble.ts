import path from 'node:path'
import type { Logger } from 'pino'
import type { Config } from './config.ts'
import type { Installation, InstalledRuntime } from './engine/runsc/installation.ts'
import { probePlatform } from './engine/runsc/platform.ts'
import { ageOf } from './engine/runsc/runsc-version.ts'
import { consoleProgress } from './lib/progress.ts'
import { ExecutorManager } from './manager.ts'
import { ensureInstallation } from './setup/install.ts'

/**
 * Sets up what the machine lacks, shows how far it is, and opens the manager.
 * @throws ManagerError SETUP_FAILED: one sentence that says what is missing and the remedy
 */
export async function assembleManager(config: Config, log: Logger): Promise<ExecutorManager> {
  const { progress, end } = consoleProgress()
  const runtimesDir = path.join(config.projectDir, 'runtimes')
  const { home, runsc, mayInstall } = config
  const installation = await ensureInstallation(
    home,
    runtimesDir,
    progress,
    runsc,
    mayInstall,
  ).finally(end)
  tellRunsc(installation, log)
  const { rootfs } = installation.runtimes[0] as InstalledRuntime
  const platform = await probePlatform({ ...installation, rootfs, home })
  return ExecutorManager.open(config, log, installation, platform)
}

/** Logs which runsc is used and how old it is. */
function tellRunsc({ runscPath, runscVersion }: Installation, log: Logger): void {
  const { text, isOld } = ageOf(runscVersion, Date.now())
  log[isOld ? 'warn' : 'info']({ runsc: runscPath }, `runsc ${runscVersion}, ${text}`)
}
