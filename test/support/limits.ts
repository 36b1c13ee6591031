import { MIB } from '../../src/lib/units.ts'
import type { RunLimits } from '../../src/run/types.ts'

/** Limits for tests that run nothing: small, and each number another. */
export const LIMITS: RunLimits = {
  wallTimeMs: 10_000,
  memoryBytes: 256 * MIB,
  cpus: 1,
  processes: 64,
  openFiles: 1024,
  workspaceBytes: 100 * MIB,
  outputBytes: 1000,
  resultBytes: 2000,
  artifacts: 3,
  artifactBytes: 500,
}
