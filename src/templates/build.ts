/**
 * From a template's folder to an image on disk: the runtime's image with a layer over it, under a name that
 * covers everything that shapes it. What stands under its name is complete.
 */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import type { RunscEngine } from '../engine/runsc/engine.ts'
import type { Installation, InstalledRuntime } from '../engine/runsc/installation.ts'
import { ManagerError } from '../errors.ts'
import {
  BUILDING_PREFIX,
  FACTS_FILE,
  type ImageFacts,
  imagesFolder,
  readImageFacts,
} from '../images/build.ts'
import { findGuest, installGuest } from '../images/guest.ts'
import { linkRootfs, placeFile, placeLibraries, placeTree } from '../images/layered.ts'
import { shortHash } from '../images/recipe.ts'
import { ensureRootImage, findRootImage } from '../images/root-image.ts'
import { dropPrivilegeBits } from '../images/slim.ts'
import { runCommand } from '../lib/command.ts'
import type { Progress } from '../lib/progress.ts'
import { withSetupLock } from '../setup/lock.ts'
import { isWantedOfPackage, unpackPackages } from './debian.ts'
import { filesBelow, runtimeOfTemplate, type Template } from './definition.ts'
import { installLibraries } from './install.ts'
import { prepareInSandbox } from './prepare.ts'
import { placeSession, sessionFacts } from './session-image.ts'
import { toolsLockText } from './tools.ts'

/** Raise it when the builder makes something else of the same template. */
const BUILDER_VERSION = 1

/** A template whose executors can be made. */
export interface BuiltTemplate {
  readonly template: Template
  readonly installed: InstalledRuntime
}

/** Where things are, and who makes sandboxes. */
export interface BuildSite {
  readonly home: string
  readonly installation: Installation
  /** Programs that each guest holds: the compiled supervisor and its like. */
  readonly programs: readonly string[]
}

/** Returns twelve hexadecimal digits over everything that shapes the template's image. */
export function templateHash(
  template: Template,
  baseHash: string,
  session: readonly (string | Buffer)[] = [],
): string {
  const { base, folder, manifest, packages, files } = template
  const recipe = base.libraries
  const own =
    recipe && manifest !== null
      ? [
          JSON.stringify(recipe),
          toolsLockText(base, recipe),
          ...recipe.files.map((file) => readFileSync(join(base.folder, file))),
          ...recipe.manifests.map((file) => readIfThere(join(folder, file))),
        ]
      : []
  const copied = Object.entries(files).flatMap(([place, source]) =>
    filesBelow(join(folder, source)).flatMap((path) => [
      join(place, path),
      readFileSync(join(folder, source, path)),
    ]),
  )
  return shortHash([
    JSON.stringify([BUILDER_VERSION, baseHash, packages]),
    ...own,
    'files',
    ...copied,
    ...session,
  ])
}

/** Returns the template as it was built, without starting a process; undefined: it has to be built. */
export function findBuilt(template: Template, site: BuildSite): BuiltTemplate | undefined {
  const base = baseOf(template, site.installation)
  const imageHash = hashOf(template, site, base)
  const rootfs = join(imageFolder(template, site.home, imageHash), 'rootfs')
  const runtime = runtimeOfTemplate(template)
  if (!existsSync(rootfs)) return undefined
  const guest = findGuest(runtime, rootfs, site.programs)
  if (!guest) return undefined
  const rootImage = findRootImage(rootfs, guest.guestHash) ?? null
  if (base.rootImage !== null && rootImage === null) return undefined
  return { template, installed: { runtime, rootfs, rootImage, imageHash, ...guest } }
}

/**
 * Builds a template unless that is done. Waits while another process builds.
 * @throws ManagerError BUILD_FAILED that says what of the template failed and why, SETUP_FAILED
 */
export function ensureTemplate(
  template: Template,
  site: BuildSite,
  engine: RunscEngine,
  progress: Progress,
): Promise<BuiltTemplate> {
  return withSetupLock(join(site.home, 'setup.lock'), progress, async () => {
    const present = findBuilt(template, site)
    if (present) return present
    const base = baseOf(template, site.installation)
    const imageHash = hashOf(template, site, base)
    const folder = imageFolder(template, site.home, imageHash)
    if (!existsSync(folder)) await buildImage(template, base, folder, site, engine, progress)
    const rootfs = join(folder, 'rootfs')
    const runtime = runtimeOfTemplate(template)
    progress(`${template.name}: preparing the guest`)
    const prepare = prepareInSandbox(engine)
    const guest = await installGuest(runtime, rootfs, site.programs, prepare)
    for (const other of othersOf(template, site)) {
      await installGuest(other.runtime, rootfs, site.programs, prepare)
    }
    // As the runtime's own image, and so with the same isolation.
    const rootImage = base.rootImage
      ? await ensureRootImage(template.name, rootfs, guest.guestHash, progress)
      : null
    return { template, installed: { runtime, rootfs, rootImage, imageHash, ...guest } }
  })
}

/**
 * Returns what the executors of a template are made from, under a name that covers everything they depend on, so that nothing
 * of them meets those of the same template as it was before.
 */
export function ownExecutors({ template, installed }: BuiltTemplate): InstalledRuntime {
  const { name, limits, network, pool } = template
  const { imageHash, guestHash, runtime } = installed
  const { preload, env } = runtime
  const mark = shortHash([
    JSON.stringify([imageHash, guestHash, preload, env, limits, network, pool]),
  ])
  return {
    ...installed,
    runtime: { ...runtime, name: `${name}.${mark}` },
    mayConnect: network !== 'none',
  }
}

async function buildImage(
  template: Template,
  base: InstalledRuntime,
  folder: string,
  site: BuildSite,
  engine: RunscEngine,
  progress: Progress,
): Promise<void> {
  const { name } = template
  const { home } = site
  const workDir = mkdtempSync(join(imagesFolder(home), `${BUILDING_PREFIX}${name}-`))
  try {
    const layer = join(workDir, 'layer')
    mkdirSync(layer, { mode: 0o755 })
    const places = { home, rootfs: base.rootfs, workDir }
    const libraries =
      template.manifest === null
        ? null
        : await installLibraries(template, layer, places, engine, progress)
    const debian = join(workDir, 'debian')
    mkdirSync(debian, { mode: 0o755 })
    const added =
      template.packages.length === 0
        ? []
        : await unpackPackages(
            template.packages,
            template.base.image.suite,
            readImageFacts(base).packages,
            workDir,
            debian,
            (step) => progress(`${name}: ${step}`),
          )
    progress(`${name}: making the image`)
    const finished = join(workDir, 'finished')
    mkdirSync(finished, { mode: 0o755 })
    const rootfs = join(finished, 'rootfs')
    await linkRootfs(base.rootfs, rootfs)
    dropPrivilegeBits(debian)
    placeTree(rootfs, debian, '/', isWantedOfPackage)
    if (libraries && template.base.libraries) {
      dropPrivilegeBits(layer)
      placeLibraries(rootfs, template.base.libraries.folder, layer, libraries.replaces)
    }
    for (const [place, source] of Object.entries(template.files)) {
      placeFile(rootfs, place, join(template.folder, source))
    }
    const others = othersOf(template, site)
    const sudo = sudoOf(site)
    const npm = await placeSession(rootfs, template, others, sudo, workDir, progress)
    const sizeBytes = dropPrivilegeBits(rootfs)
    const facts = factsOf(base, { ...npm, ...libraries?.libraries }, added, sizeBytes)
    writeFileSync(join(finished, FACTS_FILE), `${JSON.stringify(facts, null, 1)}\n`)
    // It reaches the disk before its name does.
    await runCommand(['sync', '--file-system', finished], {
      purpose: 'Writing the image to disk',
      remedy: 'Check the disk.',
    })
    renameSync(finished, folder)
  } finally {
    rmSync(workDir, { recursive: true, force: true })
  }
}

function hashOf(template: Template, site: BuildSite, base: InstalledRuntime): string {
  const facts = sessionFacts(template, othersOf(template, site), sudoOf(site))
  return templateHash(template, base.imageHash, facts)
}

function othersOf({ session }: Template, { installation }: BuildSite): InstalledRuntime[] {
  return installation.runtimes.filter(({ runtime }) => session?.languages.includes(runtime.name))
}

/** Path of the program sudo. */
function sudoOf({ programs }: BuildSite): string {
  return programs.find((program) => basename(program) === 'sudo') ?? ''
}

function factsOf(
  base: InstalledRuntime,
  libraries: Record<string, string>,
  packages: readonly string[],
  sizeBytes: number,
): ImageFacts {
  const facts = readImageFacts(base)
  return {
    sizeBytes,
    builtAt: new Date().toISOString(),
    packages: [...facts.packages, ...packages],
    libraries: { ...facts.libraries, ...libraries },
  }
}

/** @throws ManagerError TEMPLATE_INVALID when the runtime is not installed */
function baseOf({ name, base }: Template, { runtimes }: Installation): InstalledRuntime {
  const found = runtimes.find(({ runtime }) => runtime.name === base.name)
  if (found) return found
  throw new ManagerError(
    'TEMPLATE_INVALID',
    `${name}: the runtime ${base.name} is not installed: npm run setup.`,
  )
}

function imageFolder({ name }: Template, home: string, hash: string): string {
  return join(imagesFolder(home), `${name}-${hash}`)
}

function readIfThere(file: string): string | Buffer {
  return existsSync(file) ? readFileSync(file) : ''
}
