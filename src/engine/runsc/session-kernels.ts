import type { RunLimits } from '../../run/types.ts'
import type { Kernel, Kernels } from '../../sessions/context-types.ts'
import type { InstalledRuntime } from './installation.ts'

/** Returns the kernels of a runtime, each under all of its names. */
export function kernelsOf(
  { runtime, guestPath }: Pick<InstalledRuntime, 'runtime' | 'guestPath'>,
  limits: RunLimits,
): Kernels {
  const byName = new Map<string, Kernel>()
  for (const [language, { aliases, start, modes, takesStdin, call }] of Object.entries(
    runtime.kernels,
  )) {
    const kernel = {
      language,
      argv: start.map((part) => part.replaceAll('{guest}', guestPath)),
      env: runtime.env,
      modes,
      takesStdin,
      call,
    }
    for (const name of [language, ...aliases]) byName.set(name, kernel)
  }
  return { byName, limits }
}
