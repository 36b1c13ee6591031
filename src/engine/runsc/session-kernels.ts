import type { RunLimits } from '../../run/types.ts'
import type { Kernel, Kernels } from '../../sessions/context-types.ts'
import type { InstalledRuntime } from './installation.ts'

type Guest = Pick<InstalledRuntime, 'runtime' | 'guestPath'>

/** Returns the kernels of runtimes whose guests are in one image, each under all of its names. */
export function kernelsOf(guests: readonly Guest[], limits: RunLimits): Kernels {
  const byName = new Map<string, Kernel>()
  for (const guest of guests) addKernels(guest, byName)
  return { byName, limits }
}

function addKernels({ runtime, guestPath }: Guest, byName: Map<string, Kernel>): void {
  for (const [language, kernelOfIt] of Object.entries(runtime.kernels)) {
    const { aliases, start, modes, takesStdin, takesEnv, answers, call } = kernelOfIt
    const kernel = {
      language,
      argv: start.map((part) => part.replaceAll('{guest}', guestPath)),
      env: runtime.env,
      modes,
      takesStdin,
      answers,
      takesEnv,
      call,
    }
    for (const name of [language, ...aliases]) byName.set(name, kernel)
  }
}
