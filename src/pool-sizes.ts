/** How many executors there are, as a pure function of the machine and of what one run may use. */

import { RICH_POOL_SIZE } from './runtimes/rich.ts'

/** Memory that the plan counts for an idle executor. */
export const IDLE_EXECUTOR_BYTES = 64 * 1024 ** 2

/** Ready executors of one runtime that are kept by default, at most. */
const LARGEST_DEFAULT_POOL = 32

export interface SizeInput {
  readonly cores: number
  readonly memoryBytes: number
  /** The most that one run adds to its idle executor, in its sandbox and in the manager. */
  readonly runBytes: number
  /** Languages, and those of them that have a lean executor beside the standard one. */
  readonly runtimes: number
  readonly leanRuntimes: number
  /** Languages that have a rich executor. */
  readonly richRuntimes: number
  /** Ready executors for each pool, set by the operator; null: as many as fit. */
  readonly poolSize: number | null
  /** Upper bound of living executors for another reason than memory. */
  readonly most: number
}

export interface Sizes {
  /** Ready executors kept for each pool. */
  readonly poolSize: number
  /** Executors of all pools alive at once. */
  readonly maxExecutors: number
  /** Whether the memory has room for pools of lean executors. */
  readonly leanExecutors: boolean
  /** Whether it has room for pools of rich executors, too. */
  readonly richExecutors: boolean
  /** Executors made at once. */
  readonly parallelBoots: number
}

/**
 * Plans the pools. By default a pool keeps two executors for each processor, within a tenth of the
 * memory, and all pools together fit into four fifths of it with every run at its limit. On a machine with
 * too little memory each pool still has its place, and there is one place more for running programs.
 */
export function sizesFor(input: SizeInput): Sizes {
  const { cores, memoryBytes, runBytes, runtimes, leanRuntimes, richRuntimes, most } = input
  const holds = Math.floor((memoryBytes * 0.8) / (runBytes + IDLE_EXECUTOR_BYTES))
  const pools = runtimes + leanRuntimes
  const poolSize = input.poolSize ?? defaultPoolSize(cores, memoryBytes, (holds - 1) / pools)
  const leanExecutors = holds > pools * poolSize
  const lean = (leanExecutors ? pools : runtimes) * poolSize
  // A rich executor counts as two: it holds more memory before its run.
  const rich = 2 * RICH_POOL_SIZE * richRuntimes
  const richExecutors = leanExecutors && holds > lean + rich
  const floor = lean + (richExecutors ? rich : 0) + 1
  return {
    poolSize,
    maxExecutors: Math.min(most, Math.max(floor, holds)),
    leanExecutors,
    richExecutors,
    parallelBoots: cores,
  }
}

function defaultPoolSize(cores: number, memoryBytes: number, fitting: number): number {
  const tenth = (memoryBytes * 0.1) / IDLE_EXECUTOR_BYTES
  return Math.max(1, Math.floor(Math.min(2 * cores, tenth, fitting, LARGEST_DEFAULT_POOL)))
}
