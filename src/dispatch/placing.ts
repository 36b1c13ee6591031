import type { RunRequest } from '../run/types.ts'
import type { Runtime } from '../runtimes/definition.ts'
import { chooseTemplate } from '../runtimes/lean.ts'
import type { Placing } from './local-runs.ts'

/** Returns the pool of a runtime that serves one key alone. */
export function ownPool(runtime: string, key: string): string {
  return `${runtime}.${key}`
}

/** Runs of each key in pools of their own. */
export function placedByKey({ name }: Runtime): (request: RunRequest) => Placing {
  return ({ caller }) => ({ pool: ownPool(name, caller), substitute: null })
}

/** Returns all runs in one pool. */
export function placedInOne({ name }: Runtime): (request: RunRequest) => Placing {
  return () => ({ pool: name, substitute: null })
}

/**
 * Runs whose program names no heavy library in the lean pool, with the standard one beside it; those that name one
 * which the standard executors have not loaded in the rich pool.
 */
export function placedByText(
  runtime: Runtime,
  hasRich: () => boolean,
): (request: RunRequest) => Placing {
  return ({ program }) => {
    const { template, substitute } = chooseTemplate(runtime, program.code, hasRich())
    return { pool: template, substitute }
  }
}
