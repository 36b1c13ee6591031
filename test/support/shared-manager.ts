import { MIB } from '../../src/lib/units.ts'
import type { Runs } from '../../src/run/types.ts'
import type { Client } from './client.ts'
import { useManagerAndRuns } from './manager.ts'

let shared: { client: Client; runs: Runs } | null = null

/**
 * The manager of test/integration/shared/: one for all files that are collected together, so that their
 * pools are filled once. Their programs stay below its limits or set limits of their own.
 * The first call must stand outside of every describe(): its hooks start and stop the manager.
 */
export function useShared(): { client: Client; runs: Runs } {
  shared ??= useManagerAndRuns({
    poolSize: 3,
    limits: { wallTimeMs: 30_000, memoryBytes: 256 * MIB },
  })
  return shared
}
