/**
 * Builds a runtime's image, a root file system on disk, from its recipe. The build takes place in another
 * folder, which is renamed at the end. So a folder that is named by a hash is always complete.
 */

import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { ManagerError } from '../errors.ts'
import { runCommand } from '../lib/command.ts'
import type { Progress } from '../lib/progress.ts'
import { scaledMs } from '../lib/time-scale.ts'
import type { Runtime } from '../runtimes/definition.ts'
import { compileLocales } from './base-system.ts'
import { runInImage } from './chroot.ts'
import { bootstrap } from './debootstrap.ts'
import {
  addNpmPackages,
  addPythonPackages,
  type Libraries,
  pythonLibraries,
} from './language-packages.ts'
import { imageHash } from './recipe.ts'
import { seal, slim } from './slim.ts'
import type { AptSources } from './sources.ts'

export type Image = { rootfs: string; imageHash: string }
export type ImageFacts = {
  sizeBytes: number
  /** ISO 8601. */
  builtAt: string
  /** "name version" of each Debian package. */
  packages: string[]
  /** Versions of the libraries in the lock files, by name. Debian's packages are not among them. */
  libraries: Libraries
}

/** Returns the package sources of a Debian suite. It is called only when an image has to be built. */
export type SourcesOf = (suite: string) => Promise<AptSources>

export const BUILDING_PREFIX = '.building-'
export const FACTS_FILE = 'image.json'
const CHECK_TIMEOUT_MS = scaledMs(120_000)

/** Finds the image; undefined when it is not built. Starts no process. */
export function findImage(runtime: Runtime, home: string): Image | undefined {
  const hash = imageHash(runtime)
  const rootfs = join(imageFolder(runtime, home, hash), 'rootfs')
  return existsSync(rootfs) ? { rootfs, imageHash: hash } : undefined
}

/** Reads the facts that the build wrote beside the image. */
export function readImageFacts(image: Image): ImageFacts {
  return JSON.parse(readFileSync(join(image.rootfs, '..', FACTS_FILE), 'utf8')) as ImageFacts
}

/** Builds the image unless it is there. The caller holds the set-up lock. */
export async function ensureImage(
  runtime: Runtime,
  home: string,
  sourcesOf: SourcesOf,
  progress: Progress,
): Promise<Image> {
  const present = findImage(runtime, home)
  if (present) return present
  mkdirSync(imagesFolder(home), { recursive: true, mode: 0o700 })
  const workDir = mkdtempSync(join(imagesFolder(home), `${BUILDING_PREFIX}${runtime.name}-`))
  try {
    const facts = await buildRootfs(runtime, workDir, home, sourcesOf, progress)
    const finished = join(workDir, 'finished')
    mkdirSync(finished, { mode: 0o755 })
    renameSync(join(workDir, 'rootfs'), join(finished, 'rootfs'))
    writeFileSync(join(finished, FACTS_FILE), `${JSON.stringify(facts, null, 1)}\n`)
    // The contents reach the disk before the name does. So a power failure leaves no incomplete image.
    await runCommand(['sync', '--file-system', finished], {
      purpose: 'Writing the image to disk',
      remedy: 'Check the disk.',
    })
    const hash = imageHash(runtime)
    renameSync(finished, imageFolder(runtime, home, hash))
    return { rootfs: join(imageFolder(runtime, home, hash), 'rootfs'), imageHash: hash }
  } finally {
    rmSync(workDir, { recursive: true, force: true })
  }
}

/** Removes the files and mounts of interrupted builds. The caller holds the set-up lock. */
export async function removeUnfinishedBuilds(home: string): Promise<void> {
  const folder = imagesFolder(home)
  if (!existsSync(folder)) return
  const left = readdirSync(folder).filter((name) => name.startsWith(BUILDING_PREFIX))
  if (left.length === 0) return
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n')
  const prefix = join(folder, BUILDING_PREFIX)
  const mounted = mounts.map((line) => line.split(' ')[4] ?? '').filter((p) => p.startsWith(prefix))
  for (const path of mounted.reverse()) {
    await runCommand(['umount', '--lazy', path], {
      purpose: `Unmounting ${path}`,
      remedy: 'Unmount it by hand and start again.',
    })
  }
  for (const name of left) rmSync(join(folder, name), { recursive: true, force: true })
}

/** Removes the downloaded packages. Call it when all images are built. */
export function removePackageCache(home: string): void {
  rmSync(packageCache(home), { recursive: true, force: true })
}

async function buildRootfs(
  runtime: Runtime,
  workDir: string,
  home: string,
  sourcesOf: SourcesOf,
  progress: Progress,
): Promise<ImageFacts> {
  const recipe = runtime.image
  const rootfs = join(workDir, 'rootfs')
  const title = `image ${runtime.name}`
  const remedy = `Check the image in ${join(runtime.folder, 'runtime.json')}.`
  progress(`${title}: reading package sources`, 0)
  const sources = await sourcesOf(recipe.suite)
  const places = { rootfs, workDir, packageCache: packageCache(home) }
  /** Reports the progress of one part as percent of the whole. */
  const part =
    (from: number, to: number): Progress =>
    (phase, percent = 0) =>
      progress(`${title}: ${phase}`, from + ((to - from) * percent) / 100)
  // Adding the libraries takes longer than installing the base system.
  const systemEnds = recipe.pipLock ? 25 : 80
  await bootstrap(recipe, sources, places, part(0, systemEnds))
  progress(`${title}: locales`, systemEnds)
  await compileLocales(rootfs)
  const npm = await addLibraries(runtime, rootfs, workDir, part(systemEnds, 85))
  for (const [place, name] of Object.entries(recipe.files)) {
    mkdirSync(dirname(join(rootfs, place)), { recursive: true })
    copyFileSync(join(runtime.folder, name), join(rootfs, place))
    chmodSync(join(rootfs, place), 0o644)
  }
  for (const command of recipe.finish) {
    progress(`${title}: finishing`, 85)
    await runInImage(rootfs, command, { purpose: `"${command}" in ${title}`, remedy })
  }
  progress(`${title}: removing what is not needed`, 93)
  const packages = await slim(rootfs, recipe.removePackages, recipe.prune)
  seal(rootfs)
  // What was only of use for the commands is gone now.
  const libraries = { ...npm, ...(recipe.pipLock ? pythonLibraries(rootfs) : {}) }
  for (const command of recipe.check) {
    progress(`${title}: checking`, 96)
    await runInImage(rootfs, command, {
      purpose: `The check "${command}" of ${title}`,
      remedy,
      asNobody: true,
      env: runtime.env,
      timeoutMs: CHECK_TIMEOUT_MS,
    })
  }
  const { sizeBytes } = seal(rootfs)
  refuseLarge(runtime, sizeBytes)
  progress(`${title}: ${Math.round(sizeBytes / 1e6)} MB, done`, 100)
  return { sizeBytes, builtAt: new Date().toISOString(), packages, libraries }
}

/** Returns what it added with npm; what pip adds can be read from the image. */
async function addLibraries(
  { image, folder }: Runtime,
  rootfs: string,
  workDir: string,
  progress: Progress,
): Promise<Libraries> {
  const { npmLock, pipLock } = image
  if (npmLock) progress('npm packages')
  const npm = npmLock ? await addNpmPackages(rootfs, workDir, join(folder, npmLock), progress) : {}
  if (pipLock) {
    progress('pip packages')
    await addPythonPackages(rootfs, workDir, join(folder, pipLock), progress)
  }
  return npm
}

function refuseLarge(runtime: Runtime, sizeBytes: number): void {
  const maxBytes = runtime.image.maxBytes
  if (maxBytes === undefined || sizeBytes <= maxBytes) return
  throw new ManagerError(
    'SETUP_FAILED',
    `The image ${runtime.name} takes ${sizeBytes} bytes, more than the ${maxBytes} its runtime.json allows: prune it or raise maxBytes.`,
  )
}

/** Returns the folder of all images in the data folder. Each image is a folder `<runtime>-<hash>` in it. */
export function imagesFolder(home: string): string {
  return join(home, 'images')
}

function packageCache(home: string): string {
  return join(home, 'images', '.packages')
}

function imageFolder(runtime: Runtime, home: string, hash: string): string {
  return join(imagesFolder(home), `${runtime.name}-${hash}`)
}
