import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import { readConfig } from '../../src/config.ts'

/** Where the image has its data, as deploy/Dockerfile says. */
export const HOME_IN_IMAGE = '/var/lib/executor-manager'
/** What belongs to a machine or to a manager, and not to an image. */
const OWN = ['snapshots', 'sessions', 'jobs', 'platform.json']
/** Places for volumes. */
const VOLUMES = ['snapshots', 'jobs']

/**
 * Makes a data folder for containers of what the set-up has made on this machine: language images, runsc. They are
 * hard links, so it takes no room. To be removed with removeDataFolder().
 */
export function makeDataFolder(): string {
  const { home } = readConfig(process.env)
  for (const left of readdirSync(home).filter((name) => name.startsWith('.image-test-'))) {
    rmSync(path.join(home, left), { recursive: true })
  }
  const folder = mkdtempSync(path.join(home, '.image-test-'))
  const names = readdirSync(home).filter(
    (name) => !name.startsWith('.') && !name.endsWith('.lock') && !OWN.includes(name),
  )
  execFileSync('cp', ['-al', ...names.map((name) => path.join(home, name)), folder])
  for (const name of VOLUMES) mkdirSync(path.join(folder, name))
  execFileSync('chmod', ['755', folder])
  return folder
}

export function removeDataFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true })
}
