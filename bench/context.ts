import type { Config } from '../src/config.ts'
import type { Installation, InstalledRuntime } from '../src/engine/runsc/installation.ts'
import type { Platform } from '../src/engine/runsc/platform.ts'
import type { Options } from './options.ts'

/** What every measurement is given. */
export interface Bench {
  readonly options: Options
  readonly config: Config
  readonly installation: Installation
  readonly platform: Platform
  /** Fires when somebody wants it to end: what is being measured is given up, and cleaned up. */
  readonly interrupt: AbortSignal
  /** Tells how far it is, on standard error. */
  say(text: string): void
}

export function installedRuntime({ installation }: Bench, name: string): InstalledRuntime {
  const found = installation.runtimes.find(({ runtime }) => runtime.name === name)
  if (!found) throw new Error(`there is no runtime ${name}`)
  return found
}
