import { type Config, limitsOf } from '../src/config.ts'
import { RunscEngine } from '../src/engine/runsc/engine.ts'
import type { EngineEvents } from '../src/engine/runsc/engine-context.ts'
import type { ExecutorMaker } from '../src/engine/runsc/executor-maker.ts'
import type { InstalledRuntime } from '../src/engine/runsc/installation.ts'
import type { Bench } from './context.ts'

const SILENT: EngineEvents = {
  snapshotBuilding: () => {},
  snapshotReady: () => {},
  restored: () => {},
  restoreFailed: () => {},
  coldBooted: () => {},
  coldFallback: () => {},
  sweepFailed: () => {},
  renewalFailed: () => {},
  notRemoved: () => {},
  remains: () => {},
  connectionsRefused: () => {},
}

/**
 * An engine of this process's own, for what the service does not show.
 * @param snapshotHome where it keeps snapshots, or null to boot every executor cold
 */
export function openEngine(bench: Bench, snapshotHome: string | null): Promise<RunscEngine> {
  return RunscEngine.open(bench.installation, bench.platform, snapshotHome, null, SILENT, {
    isShort: () => true,
  })
}

/** A runtime with other modules loaded beforehand, under a name of its own. */
export function variantOf(
  installed: InstalledRuntime,
  name: string,
  modules: readonly string[],
): InstalledRuntime {
  return { ...installed, runtime: { ...installed.runtime, name, preload: [...modules] } }
}

export function makerOf(
  engine: RunscEngine,
  installed: InstalledRuntime,
  config: Config,
): ExecutorMaker {
  return engine.makerFor(installed, limitsOf(config, installed.runtime.limits))
}
