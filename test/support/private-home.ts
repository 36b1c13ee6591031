import { mkdtempSync, readdirSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { readConfig } from '../../src/config.ts'

/** What is not the real one's. */
const OWN = new Set(['snapshots', 'templates', 'templates.stamp'])

/**
 * A data folder with the images of the real one and snapshots of its own, for tests after which a
 * snapshot is no longer what it was. Whoever made it removes it.
 */
export function makePrivateHome(): string {
  const home = mkdtempSync(path.join(tmpdir(), 'executor-manager-home-'))
  const real = readConfig({ EXECUTOR_MANAGER_HOME: process.env.EXECUTOR_MANAGER_HOME }).home
  for (const name of readdirSync(real)) {
    if (!OWN.has(name)) symlinkSync(path.join(real, name), path.join(home, name))
  }
  return home
}
