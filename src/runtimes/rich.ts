import type { Runtime } from './definition.ts'

/** Ready executors of a pool of rich ones when nobody asks: each holds several times the memory of a standard one. */
export const RICH_POOL_SIZE = 1

/** Memory that a pool counts for an idle rich executor. */
export const IDLE_RICH_EXECUTOR_BYTES = 256 * 1024 ** 2

const PREFIX = 'rich-'

/** Returns the name of the rich variant of a runtime. */
export function richName({ name }: Runtime): string {
  return PREFIX + name
}

/** Returns how many ready executors a pool keeps, by its name. */
export function sizeOfPool(name: string, poolSize: number): number {
  return name.startsWith(PREFIX) ? Math.min(RICH_POOL_SIZE, poolSize) : poolSize
}

/**
 * Returns the rich variant of a runtime, under a name of its own.
 * @returns null when the runtime defines none
 */
export function richVariant(runtime: Runtime): Runtime | null {
  const { rich, preload } = runtime
  return rich ? { ...runtime, name: richName(runtime), preload: [...preload, ...rich.with] } : null
}
