import path from 'node:path'
import { readConfig } from '../../src/config.ts'
import { findInstallation } from '../../src/setup/install.ts'

/** Whether sandboxes have EROFS files as root file systems: then none of them has a gofer. */
export function hasRootImages(): boolean {
  const env = { EXECUTOR_MANAGER_HOME: process.env.EXECUTOR_MANAGER_HOME }
  const { home, projectDir } = readConfig(env)
  const installation = findInstallation(home, path.join(projectDir, 'runtimes'))
  return installation?.runtimes.every(({ rootImage }) => rootImage !== null) ?? false
}
