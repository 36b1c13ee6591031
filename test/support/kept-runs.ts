import path from 'node:path'
import { afterAll, afterEach, beforeAll } from 'vitest'
import { limitsOf, projectDir, readConfig } from '../../src/config.ts'
import { RunscEngine } from '../../src/engine/runsc/engine.ts'
import type { EngineEvents } from '../../src/engine/runsc/engine-context.ts'
import type { ExecutorMaker } from '../../src/engine/runsc/executor-maker.ts'
import type { InstalledRuntime } from '../../src/engine/runsc/installation.ts'
import { probePlatform } from '../../src/engine/runsc/platform.ts'
import type { KeptExecutor } from '../../src/pool/executor.ts'
import type { RunRecord } from '../../src/run/record.ts'
import { plainTask, type Task } from '../../src/run/task.ts'
import { leanVariant } from '../../src/runtimes/lean.ts'
import { ensureInstallation } from '../../src/setup/install.ts'

const SILENT = new Proxy({} as EngineEvents, { get: () => () => {} })
const config = readConfig({ EXECUTOR_MANAGER_HOME: process.env.EXECUTOR_MANAGER_HOME })

/** Of which the slowest test machine needs a part. */
export const KEPT_LIMITS = { ...config.limits, wallTimeMs: 60_000 }

/** An executor of a test, in which cells run one after the other. */
export interface KeptRuns {
  readonly executor: KeptExecutor
  task(code: string, more?: Partial<Task>): Task
  run(code: string, more?: Partial<Task>): Promise<RunRecord['transcript']>
  /** What the last expression of a cell is, as text. */
  value(code: string): Promise<unknown>
}

/** @returns makes an executor, which ends with its test */
export function useKeptRuns(): (language: string) => Promise<KeptRuns> {
  let engine: RunscEngine | undefined
  const makers = new Map<string, ExecutorMaker>()
  const executors: KeptExecutor[] = []

  beforeAll(async () => {
    const runtimesDir = path.join(projectDir(), 'runtimes')
    const installation = await ensureInstallation(config.home, runtimesDir, () => {})
    const { rootfs } = installation.runtimes[0] as InstalledRuntime
    const platform = await probePlatform({ ...installation, rootfs, home: config.home })
    const demand = { isShort: () => true }
    engine = await RunscEngine.open(installation, platform, config.home, null, SILENT, demand)
    for (const installed of installation.runtimes) {
      const runtime = leanVariant(installed.runtime) ?? installed.runtime
      const maker = engine.makerFor(
        { ...installed, runtime },
        limitsOf(config, runtime.limits),
        null,
      )
      makers.set(installed.runtime.name, maker)
    }
  })
  afterAll(() => engine?.close())
  afterEach(async () => {
    for (const executor of executors.splice(0)) await executor.dispose()
  })

  return async (language) => {
    const maker = makers.get(language) as ExecutorMaker
    await maker.prepare()
    const executor = (await maker.create()) as KeptExecutor
    executors.push(executor)
    const { signal } = new AbortController()
    const task = (code: string, more?: Partial<Task>): Task => ({
      ...plainTask(Buffer.from(code), KEPT_LIMITS),
      mode: 'cell',
      ...more,
    })
    const run = async (code: string, more?: Partial<Task>) =>
      (await executor.runKept(task(code, more), signal)).transcript
    const value = async (code: string) => (await run(code)).value?.['text/plain']
    return { executor, task, run, value }
  }
}
