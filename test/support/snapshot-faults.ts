import { readdirSync } from 'node:fs'
import path from 'node:path'
import { expect, vi } from 'vitest'
import { scaledMs } from '../../src/lib/time-scale.ts'
import { type PrivateManager, usePrivateManager } from './private-manager.ts'

const PROGRAM = 'import pandas as pd\ndef main():\n    return int(pd.Series([1, 2]).sum())'
/** How often is looked for what a fault must lead to, and how long. */
const WAIT = { timeout: scaledMs(60_000), interval: 200 }

/** A manager of Python executors, whose snapshot a test spoils. */
export interface SnapshotFaults extends PrivateManager {
  /** Runs a program, and expects its right answer. */
  answersRight(): Promise<void>
  /** Runs programs until a restore has failed. */
  untilRestoreFails(): Promise<void>
  /** Runs programs until an executor is restored from a snapshot again. */
  untilRestored(): Promise<void>
  restoreFailures(): Promise<number>
  /** The folder of its snapshot. */
  snapshotFolder(): string
}

export function useSnapshotFaults(): SnapshotFaults {
  // A snapshot is made twice in most tests.
  vi.setConfig({ testTimeout: scaledMs(240_000), hookTimeout: scaledMs(240_000) })
  const manager = usePrivateManager({ runtimes: ['python'], limits: { wallTimeMs: 20_000 } })
  const restoreFailures = () => manager.metric('restore_failures_total{runtime="python"}')
  const restores = () =>
    manager.metric('executor_made_seconds_count{runtime="python",how="restore"}')

  async function answersRight(): Promise<void> {
    const answer = await manager.client.run('python', PROGRAM)
    expect(answer).toMatchObject({ status: 'success', result: { value: 3 } })
  }

  return Object.assign(manager, {
    answersRight,
    restoreFailures,
    async untilRestoreFails() {
      await vi.waitFor(async () => {
        await answersRight()
        expect(await restoreFailures()).toBeGreaterThan(0)
      }, WAIT)
    },
    async untilRestored() {
      const before = await restores()
      await vi.waitFor(async () => {
        await answersRight()
        expect(await restores()).toBeGreaterThan(before)
      }, WAIT)
    },
    snapshotFolder() {
      const folder = path.join(manager.home, 'snapshots')
      const name = readdirSync(folder).find((entry) => entry.startsWith('python-'))
      return path.join(folder, name ?? 'none')
    },
  })
}
