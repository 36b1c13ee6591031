import type { Runtime } from './definition.ts'
import { richName } from './rich.ts'

/** The template that a program runs in. */
export interface TemplateChoice {
  /** The one whose executors it waits for. */
  readonly template: string
  /** One whose ready executor may be taken instead, when its own has none. */
  readonly substitute: string | null
}

const PREFIX = 'lean-'

/**
 * Returns the lean variant of a runtime, under a name of its own.
 * @returns null when the runtime defines none
 */
export function leanVariant(runtime: Runtime): Runtime | null {
  const { lean } = runtime
  if (!lean) return null
  const preload = runtime.preload.filter((name) => !lean.without.includes(name))
  return { ...runtime, name: PREFIX + runtime.name, preload }
}

/**
 * Chooses between the standard executor, the lean and the rich one by a search of the program's text. The choice
 * is a hint and never a verdict: all of them give the same answers.
 * @param code UTF-8 source
 * @param hasRich whether there is a pool of rich executors. Nothing stands in for one: a program waits less for
 *   its restore than another executor needs to import the libraries.
 */
export function chooseTemplate(runtime: Runtime, code: Buffer, hasRich: boolean): TemplateChoice {
  const { name, lean, rich } = runtime
  if (hasRich && rich?.names.some((word) => code.includes(word))) {
    return { template: richName(runtime), substitute: null }
  }
  if (!lean || lean.names.some((word) => code.includes(word))) {
    return { template: name, substitute: null }
  }
  return { template: PREFIX + name, substitute: name }
}
