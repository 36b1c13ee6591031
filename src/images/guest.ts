/**
 * Puts the guest (the supervisors and the runtime's runner) into an image. Its folder is named by a hash of the
 * contents. So a changed runner needs no new image, and sandboxes that still use the old one keep it. A manager
 * holds a lock on the folder that it uses.
 */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { ManagerError } from '../errors.ts'
import { runCommand } from '../lib/command.ts'
import { FileLock } from '../lib/file-lock.ts'
import type { Runtime } from '../runtimes/definition.ts'
import { runInImage } from './chroot.ts'
import { shortHash } from './recipe.ts'

export type Guest = { guestPath: string; guestHash: string }

const GUEST_ROOT = '.executor'
/** Other names of the working directory: programs written for LibreChat expect `/mnt/data`. */
const WORKSPACE_NAMES = ['mnt/data']
/** A guest that no manager holds is kept for this time: an operator may go back to the version before. */
const OLD_AFTER_MS = 24 * 60 * 60 * 1000
/** How long to wait for the lock: a process that removes a guest holds it for a moment. */
const LOCK_WAIT_S = 5

/**
 * Returns the hash of a guest: of all its files, and of how its native files are compiled.
 * @param programs paths of the programs that are the same for all runtimes
 */
export function guestHash(runtime: Runtime, programs: readonly string[]): string {
  const native = runtime.image.native
  const files = [...runtime.runnerFiles, ...native.map((file) => file.source)]
  return shortHash([
    ...programs.map((program) => readFileSync(program)),
    JSON.stringify([
      WORKSPACE_NAMES,
      files,
      native,
      runtime.prepare && [runtime.prepare, preparedModules(runtime), runtime.env],
    ]),
    ...files.map((name) => readRuntimeFile(runtime, name)),
  ])
}

/** Finds the guest in an image; undefined when it is not there. Starts no process. */
export function findGuest(
  runtime: Runtime,
  rootfs: string,
  programs: readonly string[],
): Guest | undefined {
  const hash = guestHash(runtime, programs)
  return existsSync(join(rootfs, GUEST_ROOT, hash)) ? guestOf(hash) : undefined
}

/** Runs the runtime's `prepare`, which puts further files into a folder of the image. */
export type Preparation = (runtime: Runtime, rootfs: string, folder: string) => Promise<void>

/**
 * Installs the guest unless it is there. The caller holds the set-up lock.
 * @param prepare how `prepare` is run: in the image as root, unless that holds code that nobody has checked
 */
export async function installGuest(
  runtime: Runtime,
  rootfs: string,
  programs: readonly string[],
  prepare: Preparation = prepareInImage,
): Promise<Guest> {
  const present = findGuest(runtime, rootfs, programs)
  if (present) return present
  const root = join(rootfs, GUEST_ROOT)
  mkdirSync(root, { recursive: true, mode: 0o755 })
  chmodSync(root, 0o755)
  for (const name of WORKSPACE_NAMES) linkWorkspace(join(rootfs, name))
  const hash = guestHash(runtime, programs)
  const fresh = mkdtempSync(join(root, '.new-'))
  try {
    for (const program of programs) copyFileSync(program, join(fresh, basename(program)))
    for (const name of runtime.runnerFiles) {
      copyFileSync(join(runtime.folder, name), join(fresh, name))
    }
    await compileNative(runtime, fresh)
    await prepare(runtime, join(root, '..'), `/${GUEST_ROOT}/${basename(fresh)}`)
    const names = programs.map((program) => basename(program))
    for (const name of readdirSync(fresh)) {
      chmodSync(join(fresh, name), names.includes(name) ? 0o755 : 0o644)
    }
    chmodSync(fresh, 0o755)
    renameSync(fresh, join(root, hash))
  } finally {
    rmSync(fresh, { recursive: true, force: true })
  }
  await removeUnusedGuests(root, hash)
  return guestOf(hash)
}

function linkWorkspace(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink()) return
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 })
  symlinkSync('/workspace', path)
}

/**
 * Takes a shared lock on the guest's folder. As long as it is held, no set-up removes the folder, from which
 * the manager starts its sandboxes.
 * @throws ManagerError SETUP_FAILED when it is gone
 */
export async function holdGuest(rootfs: string, { guestPath }: Guest): Promise<FileLock> {
  const folder = join(rootfs, guestPath)
  const lock = await FileLock.take(folder, 'shared', LOCK_WAIT_S)
  if (!lock) {
    throw new ManagerError('SETUP_FAILED', `${folder} was removed meanwhile: start again.`)
  }
  touch(folder)
  return lock
}

/** Notes the time of use, by which removeUnusedGuests() decides. */
function touch(folder: string): void {
  try {
    const now = new Date()
    utimesSync(folder, now, now)
  } catch (error) {
    // A container image is read-only, and nothing is removed from it.
    if ((error as NodeJS.ErrnoException).code !== 'EROFS') throw error
  }
}

async function prepareInImage(runtime: Runtime, rootfs: string, folder: string): Promise<void> {
  if (!runtime.prepare) return
  const argv = runtime.prepare.map((part) => part.replaceAll('{guest}', folder))
  await runInImage(rootfs, `exec ${[...argv, ...preparedModules(runtime)].map(quoted).join(' ')}`, {
    purpose: `Preparing the guest of the runtime ${runtime.name}`,
    remedy: 'Check prepare and preload in runtime.json.',
    env: runtime.env,
  })
}

/** Returns the modules that executors of the runtime load before a run, the rich variant's included. */
export function preparedModules({ preload, rich }: Runtime): string[] {
  return [...preload, ...(rich?.with ?? [])]
}

/** Quotes a text as one word of a shell command. */
function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`
}

async function compileNative(runtime: Runtime, folder: string): Promise<void> {
  for (const { source, output, flags } of runtime.image.native) {
    await runCommand(['gcc', ...flags, '-o', join(folder, output), join(runtime.folder, source)], {
      purpose: `Compiling ${source} of the runtime ${runtime.name}`,
      remedy: 'Check the file and its flags in runtime.json.',
      contained: true,
    })
  }
}

/** Removes old guests of other versions, and unfinished ones, unless a manager holds them. */
async function removeUnusedGuests(root: string, current: string): Promise<void> {
  for (const name of readdirSync(root)) {
    const path = join(root, name)
    const isOld = Date.now() - statSync(path).mtimeMs > OLD_AFTER_MS
    if (name === current || !isOld) continue
    const lock = await FileLock.take(path, 'exclusive')
    if (!lock) continue
    rmSync(path, { recursive: true, force: true })
    lock.release()
  }
}

function readRuntimeFile(runtime: Runtime, name: string): Buffer {
  try {
    return readFileSync(join(runtime.folder, name))
  } catch (cause) {
    throw new ManagerError(
      'RUNTIME_INVALID',
      `${join(runtime.folder, 'runtime.json')}: the file ${name} is not in that folder`,
      { cause },
    )
  }
}

function guestOf(hash: string): Guest {
  return { guestPath: `/${GUEST_ROOT}/${hash}`, guestHash: hash }
}
