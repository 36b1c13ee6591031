/** What an installed runtime is to those who dispatch runs, and to callers. */
import type { OfferedTemplate } from './api/v1/service.ts'
import type { Config } from './config.ts'
import type { Template } from './dispatch/local-runs.ts'
import { placedByKey, placedByText, placedInOne } from './dispatch/placing.ts'
import type { InstalledRuntime } from './engine/runsc/installation.ts'
import { imageContents } from './images/contents.ts'
import type { RunLimits, RunMode } from './run/types.ts'
import type { Runtime } from './runtimes/definition.ts'

/** How every runtime can run a program. */
const MODES: readonly RunMode[] = ['script', 'function', 'cell']

/** Returns the runtime as a template of runs, placed as the settings say. */
export function templateOf(
  runtime: Runtime,
  limits: RunLimits,
  { snapshotsPerKey, leanExecutors }: Pick<Config, 'snapshotsPerKey' | 'leanExecutors'>,
  hasRich: () => boolean,
): Template {
  const shared = () => (leanExecutors ? placedByText(runtime, hasRich) : placedInOne(runtime))
  return {
    limits,
    modes: MODES,
    ownFiles: ownFilesOf(runtime),
    place: snapshotsPerKey ? placedByKey(runtime) : shared(),
  }
}

/** What runner and supervisor keep in the working directory. */
function ownFilesOf({ mode, sourceFile }: Runtime): string[] {
  return [sourceFile, 'artifacts', ...(mode === 'script' ? ['arguments.json'] : [])]
}

/** Returns the runtime as callers of the native API are told of it. */
export function offeredTemplateOf(
  { runtime, rootfs }: InstalledRuntime,
  limits: RunLimits,
  { egress, richExecutors }: Pick<Config, 'egress'> & Partial<Pick<Config, 'richExecutors'>>,
): OfferedTemplate {
  return {
    name: runtime.name,
    languages: [runtime.name, ...runtime.aliases],
    modes: MODES,
    // A program that names one of the further modules gets an executor that has them.
    preloaded: [...runtime.preload, ...((richExecutors && runtime.rich?.with) || [])],
    limits,
    network: egress ? 'egress' : 'none',
    ...imageContents(runtime, rootfs),
  }
}
