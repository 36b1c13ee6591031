import path from 'node:path'
import { pino } from 'pino'
import { afterAll, beforeAll } from 'vitest'
import { type Config, projectDir, readConfig } from '../../src/config.ts'
import type { InstalledRuntime } from '../../src/engine/runsc/installation.ts'
import { probePlatform } from '../../src/engine/runsc/platform.ts'
import { scaledMs, TIME_SCALE } from '../../src/lib/time-scale.ts'
import { MIB } from '../../src/lib/units.ts'
import { ExecutorManager } from '../../src/manager.ts'
import type { RunLimits, Runs } from '../../src/run/types.ts'
import { ensureInstallation } from '../../src/setup/install.ts'
import { Client } from './client.ts'

export type Settings = Partial<Omit<Config, 'limits'>> & {
  limits?: Partial<RunLimits>
  /** The languages that the tests need, so that no sandbox is made of the others; all by default. */
  runtimes?: readonly string[]
  /** A program that stands in for runsc. */
  runscPath?: string
}

/**
 * A manager with real sandboxes for all tests of a file: limits low enough to be reached in little
 * time, one ready executor for each language.
 * @returns a client of it, of use from the first test on
 */
export function useManager(settings: Settings = {}): Client {
  return useManagerAndRuns(settings).client
}

/** A manager as of useManager(): a client of its front doors, and its runs for what no front door offers. */
export function useManagerAndRuns(settings: Settings = {}): { client: Client; runs: Runs } {
  const client = new Client()
  let manager: ExecutorManager | undefined
  beforeAll(async () => {
    manager = await openManager(settings)
    client.url = await manager.start()
  })
  afterAll(() => manager?.stop())
  const runs: Runs = {
    start(request, options) {
      if (!manager) throw new Error('there is no manager before the first test')
      return manager.runs.start(request, options)
    },
  }
  return { client, runs }
}

/** Not started yet. A process can have one at a time: its sandboxes carry the process's mark. */
export async function openManager(
  settings: Settings = {},
  logTo: NodeJS.WritableStream = process.stderr,
): Promise<ExecutorManager> {
  const config = testConfig(settings)
  const wanted = (name: string) => settings.runtimes?.includes(name) ?? true
  const runtimesDir = path.join(config.projectDir, 'runtimes')
  const whole = await ensureInstallation(config.home, runtimesDir, () => {})
  const installation = {
    ...whole,
    runscPath: settings.runscPath ?? whole.runscPath,
    runtimes: whole.runtimes.filter(({ runtime }) => wanted(runtime.name)),
  }
  const { rootfs } = installation.runtimes[0] as InstalledRuntime
  const platform = await probePlatform({ ...installation, rootfs, home: config.home })
  const log = pino({ level: config.logLevel }, logTo)
  return ExecutorManager.open(config, log, installation, platform)
}

/**
 * A wall time limit that honest programs keep on a slow machine too. Less than the whole factor: the
 * programs that reach the limit are waited for.
 */
export function scaledWallTimeMs(ms: number): number {
  return Math.round(ms * Math.max(1, TIME_SCALE / 4))
}

function testConfig({ limits, runtimes: _, runscPath: __, ...rest }: Settings): Config {
  const env = { EXECUTOR_MANAGER_HOME: process.env.EXECUTOR_MANAGER_HOME }
  const base = readConfig(env)
  const all = { ...base.limits, wallTimeMs: 3000, memoryBytes: 128 * MIB, ...limits }
  return {
    ...base,
    projectDir: projectDir(),
    port: 0,
    poolSize: 1,
    queueWaitMs: scaledMs(60_000),
    // A renewal makes sandboxes that a test does not expect.
    snapshotRenewal: null,
    // So do sandboxes that are kept ready for sessions.
    readySessions: 0,
    buildsWorkspace: false,
    // One pool more for each manager, which few tests need.
    leanExecutors: false,
    richExecutors: false,
    // What these programs try is for the sandbox to hold, not for the policy to refuse.
    codePolicy: 'off',
    logLevel: 'error',
    ...rest,
    limits: { ...all, wallTimeMs: scaledWallTimeMs(all.wallTimeMs) },
  }
}
