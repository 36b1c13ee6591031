/** `npm run setup`. The only file here that prints or ends the process. */
import { resolve } from 'node:path'
import { ManagerError } from '../errors.ts'
import { consoleProgress } from '../lib/progress.ts'
import { defaultHome } from './home.ts'
import { ensureInstallation } from './install.ts'

/**
 * Installs everything that is missing, and prints what is set up. With `--no-install` on the command line it
 * installs no packages on the host.
 * @returns the exit status
 */
export async function setup(projectDir: string, env: NodeJS.ProcessEnv): Promise<number> {
  const { progress, end } = consoleProgress()
  try {
    const home = defaultHome(projectDir, env)
    const mayInstall = !process.argv.includes('--no-install')
    const runtimes = runtimesIn(projectDir)
    const installation = await ensureInstallation(home, runtimes, progress, undefined, mayInstall)
    end()
    const names = installation.runtimes.map((entry) => entry.runtime.name).join(', ')
    console.log(`Set up in ${home}: runsc ${installation.runscVersion}, runtimes ${names}.`)
    return 0
  } catch (error) {
    end()
    return reportFailure(error)
  }
}

/** Returns the folder of the runtimes of a project. */
export function runtimesIn(projectDir: string): string {
  return resolve(projectDir, 'runtimes')
}

/** Prints why a command failed. Returns the exit status. */
export function reportFailure(error: unknown): number {
  const message = error instanceof ManagerError ? error.message : ((error as Error).stack ?? error)
  console.error(`${message}`)
  return 1
}
