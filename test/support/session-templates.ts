import type { KeptSandboxes, SandboxTemplates } from '../../src/sessions/engine.ts'

/** Templates of sessions that are there from the beginning. */
export function templatesOf(all: ReadonlyMap<string, KeptSandboxes>): SandboxTemplates {
  return {
    names: () => [...all.keys()],
    preferred: () => [...all.keys()][0] ?? '',
    find: async (name) => all.get(name) ?? null,
    ofKey: (key) => [...all.values()].find((sandboxes) => sandboxes.key === key) ?? null,
  }
}
