import type { Runtime } from './definition.ts'

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
 * Chooses between the standard and the lean executor by a search of the program's text. The choice is a
 * hint and never a verdict: both executors give the same answers.
 * @param code UTF-8 source
 */
export function chooseTemplate(runtime: Runtime, code: Buffer): TemplateChoice {
  const { name, lean } = runtime
  if (!lean || lean.names.some((word) => code.includes(word))) {
    return { template: name, substitute: null }
  }
  return { template: PREFIX + name, substitute: name }
}
