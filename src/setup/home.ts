/** Says where images, tools and everything else that can be made again are kept. */
import { join, resolve } from 'node:path'

/** Returns the data folder: EXECUTOR_MANAGER_HOME when it is set, else `var` under the project. */
export function defaultHome(projectDir: string, env: NodeJS.ProcessEnv): string {
  return env.EXECUTOR_MANAGER_HOME
    ? resolve(env.EXECUTOR_MANAGER_HOME)
    : join(resolve(projectDir), 'var')
}
