/**
 * Sets up everything that a machine needs to run sandboxes. Each step checks first and does only what is
 * missing, so the set-up can be interrupted anywhere and started again.
 */
import { accessSync, chmodSync, constants, mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Installation, InstalledRuntime, Runsc } from '../engine/runsc/installation.ts'
import { snapshotsFolder } from '../engine/runsc/snapshot-store.ts'
import { ManagerError } from '../errors.ts'
import {
  ensureImage,
  findImage,
  imagesFolder,
  removePackageCache,
  removeUnfinishedBuilds,
} from '../images/build.ts'
import { findGuest, installGuest } from '../images/guest.ts'
import { ensureRootImage, findRootImage } from '../images/root-image.ts'
import { readAptSources } from '../images/sources.ts'
import { CommandFailure } from '../lib/command.ts'
import { killRunning } from '../lib/exec.ts'
import type { Progress } from '../lib/progress.ts'
import { loadRuntimes } from '../runtimes/definition.ts'
import { ensureErofsTool, mayHaveErofsTool } from './erofs-tool.ts'
import { readHostSystem } from './host.ts'
import { installHostPackages } from './host-packages.ts'
import { withSetupLock } from './lock.ts'
import { dueDownload, ensureRunsc, findRunsc } from './runsc.ts'
import { type RunscChoice, readRunscChoice } from './runsc-choice.ts'
import { areThere, ensureSupervisors, supervisorPaths } from './supervisor.ts'

/** Finds the installation; undefined when any part of it is missing. Reads files only, so it is quick. */
export function findInstallation(
  home: string,
  runtimesDir: string,
  choice = readRunscChoice(process.env),
): Installation | undefined {
  const runtimes = loadRuntimes(runtimesDir)
  const runsc = findRunsc(home, choice)
  const supervisors = supervisorPaths(home, runtimesDir)
  if (!runsc || !areThere(supervisors)) return undefined
  const installed: InstalledRuntime[] = []
  for (const runtime of runtimes) {
    const image = findImage(runtime, home)
    const guest = image && findGuest(runtime, image.rootfs, supervisors)
    if (!image || !guest) return undefined
    const rootImage = findRootImage(image.rootfs, guest.guestHash) ?? null
    if (!rootImage && wantsRootImages(runsc, home)) return undefined
    installed.push({ runtime, ...image, ...guest, rootImage: usable(runsc, rootImage) })
  }
  return { ...runsc, runtimes: installed }
}

/** Tells whether this runsc takes EROFS files, and they can be made here. */
function wantsRootImages({ capabilities }: Runsc, home: string): boolean {
  return capabilities.erofsRoot && isWritable(home) && mayHaveErofsTool(home)
}

function usable({ capabilities }: Runsc, rootImage: string | null): string | null {
  return capabilities.erofsRoot ? rootImage : null
}

/**
 * Installs what is missing.
 * @param mayInstall whether packages of the distribution may be installed on the host
 * @throws ManagerError SETUP_FAILED: one sentence that names the remedy
 */
export async function ensureInstallation(
  home: string,
  runtimesDir: string,
  progress: Progress,
  choice = readRunscChoice(process.env),
  mayInstall = true,
): Promise<Installation> {
  refuseUnfitMachine()
  const present = findInstallation(home, runtimesDir, choice)
  // A container image holds an installation that is complete and cannot be changed.
  if (present && (!isWritable(home) || !dueDownload(home, choice))) return present
  prepareHome(home)
  const stopWatching = stopOnSignals()
  try {
    return await withSetupLock(join(home, 'setup.lock'), progress, () =>
      install(home, runtimesDir, progress, choice, mayInstall),
    )
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined
    if (cause instanceof CommandFailure) for (const line of cause.tail) progress(`| ${line}`)
    throw error
  } finally {
    stopWatching()
  }
}

async function install(
  home: string,
  runtimesDir: string,
  progress: Progress,
  choice: RunscChoice,
  mayInstall: boolean,
): Promise<Installation> {
  const runtimes = loadRuntimes(runtimesDir)
  await installHostPackages(progress, mayInstall)
  const runsc = await ensureRunsc(home, progress, choice)
  const supervisors = await ensureSupervisors(home, runtimesDir, progress)
  await removeUnfinishedBuilds(home)
  const makesRootImages =
    runsc.capabilities.erofsRoot && (await ensureErofsTool(home, progress, mayInstall))
  const sourcesOf = (suite: string) => readAptSources(readHostSystem().codename, suite)
  const installed: InstalledRuntime[] = []
  for (const runtime of runtimes) {
    const image = await ensureImage(runtime, home, sourcesOf, progress)
    const guest = await installGuest(runtime, image.rootfs, supervisors)
    const rootImage = makesRootImages
      ? await ensureRootImage(runtime.name, image.rootfs, guest.guestHash, progress)
      : usable(runsc, findRootImage(image.rootfs, guest.guestHash) ?? null)
    installed.push({ runtime, ...image, ...guest, rootImage })
  }
  removePackageCache(home)
  return { ...runsc, runtimes: installed }
}

function refuseUnfitMachine(): void {
  if (process.platform !== 'linux') {
    throw new ManagerError('SETUP_FAILED', 'gVisor runs on Linux only: use a Linux machine.')
  }
  if (process.getuid?.() !== 0) {
    throw new ManagerError(
      'SETUP_FAILED',
      'Root rights are needed to make sandboxes and images: start it as root or with sudo.',
    )
  }
}

function isWritable(home: string): boolean {
  try {
    accessSync(home, constants.W_OK)
    return true
  } catch {
    return false
  }
}

function prepareHome(home: string): void {
  try {
    mkdirSync(home, { recursive: true, mode: 0o755 })
    accessSync(home, constants.W_OK)
    closeToOthers(imagesFolder(home))
    closeToOthers(snapshotsFolder(home))
  } catch (cause) {
    throw new ManagerError(
      'SETUP_FAILED',
      `The data folder ${home} cannot be written: set EXECUTOR_MANAGER_HOME to one that can.`,
      { cause },
    )
  }
}

/**
 * Closes a folder to the machine's other users. Images hold folders such as /tmp that every user may write to, and
 * all sandboxes would see those files. runsc runs as root, so it can read the folder.
 */
function closeToOthers(folder: string): void {
  const stats = statSync(folder, { throwIfNoEntry: false })
  if (stats && (stats.mode & 0o077) !== 0) chmodSync(folder, 0o700)
}

/** Kills the set-up's child processes when a signal ends it. The next set-up removes what they left. */
function stopOnSignals(): () => void {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  const stop = (signal: NodeJS.Signals) => {
    killRunning()
    process.stderr.write('\nSet-up interrupted; start it again to go on.\n')
    process.exit(signal === 'SIGINT' ? 130 : 143)
  }
  for (const signal of signals) process.on(signal, stop)
  return () => {
    for (const signal of signals) process.off(signal, stop)
  }
}
