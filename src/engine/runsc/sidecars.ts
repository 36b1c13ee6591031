/** The programs that a runsc from 2026-07 on starts for a part of its work. */
import { accessSync, constants, readdirSync, realpathSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** The folder `gvisor-bin` beside a runsc. */
export type Sidecars = {
  folder: string
  /** A line for each file with its size and time of change. A snapshot depends on them. */
  files: string[]
}

/** The one without which no sandbox starts. */
const SENTRY = 'gvisor_sentry'

/**
 * Finds the programs beside a runsc, where runsc itself looks: in GVISOR_SIDECAR_BINARIES_DIR, else in
 * `gvisor-bin` beside it.
 * Source: runsc/gvisorbinaries/gvisorbinaries.go of release-20260817.
 * @returns null when there are none
 */
export function findSidecars(runscPath: string, env = process.env): Sidecars | null {
  const named = env.GVISOR_SIDECAR_BINARIES_DIR
  const folders = named
    ? [named]
    : [dirname(runscPath), dirname(realpathSync(runscPath))].map((folder) =>
        join(folder, 'gvisor-bin'),
      )
  for (const folder of folders) {
    try {
      accessSync(join(folder, SENTRY), constants.X_OK)
      const files = readdirSync(folder).sort()
      return { folder, files: files.map((name) => fileMark(join(folder, name), name)) }
    } catch {
      // Not in this folder.
    }
  }
  return null
}

function fileMark(file: string, name: string): string {
  const { size, mtimeMs } = statSync(file)
  return `${name} ${size} ${mtimeMs}`
}
