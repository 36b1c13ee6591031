/** Reports what the machine has and lacks. Installs nothing. */
import { existsSync, readdirSync, statfsSync } from 'node:fs'
import { createServer } from 'node:net'
import { release } from 'node:os'
import { dirname, join } from 'node:path'
import { canResetPeak, INEXACT_PEAK } from '../engine/runsc/cgroup-peak.ts'
import { findCgroups } from '../engine/runsc/cgroup-tree.ts'
import type { Runsc } from '../engine/runsc/installation.ts'
import { probePlatform } from '../engine/runsc/platform.ts'
import { ageOf, MINIMUM_RUNSC_DATE } from '../engine/runsc/runsc-version.ts'
import { SnapshotStore } from '../engine/runsc/snapshot-store.ts'
import { findImage, type Image, imagesFolder, readImageFacts } from '../images/build.ts'
import { findGuest } from '../images/guest.ts'
import { imageHash } from '../images/recipe.ts'
import { findRootImage } from '../images/root-image.ts'
import { loadRuntimes, type Runtime } from '../runtimes/definition.ts'
import { readHostSystem, wayOf } from '../setup/host.ts'
import { missingHostPackages } from '../setup/host-packages.ts'
import { findRunsc, runscSuite, unfit } from '../setup/runsc.ts'
import { readRunscChoice } from '../setup/runsc-choice.ts'
import { areThere, supervisorPaths } from '../setup/supervisor.ts'
import { type DescribedTemplate, describeTemplates } from './templates.ts'

/**
 * One line of the report. `lacking`: the service cannot run. `todo`: the next set-up installs it. `note`: the
 * operator should know it.
 */
export type Finding = {
  state: 'ok' | 'todo' | 'note' | 'lacking'
  subject: string
  text: string
  remedy?: string
}

export type DoctorInput = {
  home: string
  runtimesDir: string
  host: string
  port: number
}

const NEEDED_DISK_BYTES = 3e9
const PLANNED_CGROUP = {
  mount: 'version 2, in a mount of its own',
  scope: 'version 2, in a scope that systemd will be asked for',
}
const RUN_SETUP = 'npm run setup (npm start does it too)'

/** Checks the machine and the installation without changing them, and returns a finding for each check. */
export async function examine(input: DoctorInput): Promise<Finding[]> {
  const runsc = findRunsc(input.home)
  const runtimes = loadRuntimes(input.runtimesDir)
  const templates = describeTemplates(input, runtimes)
  const images = runtimes.map((runtime) => ({ runtime, image: findImage(runtime, input.home) }))
  const anyImage = images.find((entry) => entry.image)?.image
  const isInstalled = runsc !== undefined && images.every((entry) => entry.image)
  return [
    system(),
    rights(),
    node(),
    runscFinding(runsc, input.home),
    await platform(input.home, runsc, anyImage),
    cgroup(),
    hostPackages(isInstalled),
    supervisor(input),
    ...images.map(({ runtime, image }) => imageFinding(runtime, image, input)),
    ...templates.map(({ finding }) => finding),
    ...unusedImages(input.home, runtimes, templates),
    ...runtimes.map((runtime) => snapshotFinding(runtime, input.home)),
    disk(input.home, isInstalled),
    await port(input.host, input.port),
  ]
}

function system(): Finding {
  const host = readHostSystem()
  const text = `${host.prettyName}, kernel ${release()}, ${process.arch}`
  const subject = 'system'
  const way = wayOf(host)
  if (way.kind === 'image') return { state: 'note', subject, text, remedy: way.text }
  return { state: 'ok', subject, text: `${text}; ${way.text}` }
}

function rights(): Finding {
  const subject = 'rights'
  if (process.getuid?.() === 0) return { state: 'ok', subject, text: 'root' }
  return { state: 'lacking', subject, text: 'not root', remedy: 'start it as root or with sudo' }
}

function node(): Finding {
  const subject = 'Node.js'
  // scripts/bootstrap.mjs makes sure that it is new enough.
  return { state: 'ok', subject, text: `${process.versions.node}, ${process.execPath}` }
}

function runscFinding(runsc: Runsc | undefined, home: string): Finding {
  const subject = 'runsc'
  if (runsc) return presentRunsc(runsc)
  const { path } = readRunscChoice(process.env)
  if (path) return { state: 'lacking', subject, text: unfit(path, home).message }
  const text = `no version ${MINIMUM_RUNSC_DATE} or newer found`
  const suite = runscSuite(readHostSystem())
  if (suite) return { state: 'todo', subject, text, remedy: `${RUN_SETUP}: fetched from ${suite}` }
  const remedy = "install gVisor's own release so that runsc is on the PATH"
  return { state: 'lacking', subject, text, remedy }
}

function presentRunsc(runsc: Runsc): Finding {
  const subject = 'runsc'
  const { text: age, isOld } = ageOf(runsc.runscVersion, Date.now())
  const text = `${runsc.runscVersion}, ${age}; ${runsc.runscPath}; ${tellCapabilities(runsc)}`
  if (isOld) {
    const remedy = "put gVisor's current release on the PATH, with the folder gvisor-bin beside it"
    return { state: 'note', subject, text, remedy }
  }
  if (runsc.capabilities.sidecars && !runsc.sidecars) {
    const remedy =
      "later releases need it: unpack gVisor's release tarball, or set GVISOR_SIDECAR_BINARIES_DIR"
    return { state: 'note', subject, text, remedy }
  }
  return { state: 'ok', subject, text }
}

/** Names what this runsc can do beyond the oldest that is accepted. */
function tellCapabilities({ capabilities, sidecars }: Runsc): string {
  const has = [
    capabilities.sharedRoot && 'shared namespace of gofers',
    capabilities.erofsRoot && 'EROFS root',
    capabilities.sidecars && `${sidecars ? sidecars.folder : 'without gvisor-bin'}`,
  ].filter(Boolean)
  return has.length > 0 ? has.join(', ') : 'none of the newer features'
}

async function platform(
  home: string,
  runsc: Runsc | undefined,
  image: Image | undefined,
): Promise<Finding> {
  const subject = 'runsc platform'
  if (!runsc || !image) {
    return {
      state: 'todo',
      subject,
      text: 'not probed yet: needs runsc and an image',
      remedy: RUN_SETUP,
    }
  }
  try {
    const found = await probePlatform({ ...runsc, rootfs: image.rootfs, home }, false)
    if (found === 'systrap') return { state: 'ok', subject, text: 'systrap' }
    const remedy = 'the next start tries systrap again; if it stays so, try a newer kernel'
    return { state: 'note', subject, text: `${found} only: slow system calls`, remedy }
  } catch (error) {
    const remedy = 'use another kernel, or a machine or container that grants more rights'
    return { state: 'lacking', subject, text: (error as Error).message, remedy }
  }
}

function cgroup(): Finding {
  const subject = 'cgroup'
  try {
    const plan = findCgroups()
    if (plan.version === 1) return { state: 'ok', subject, text: 'version 1' }
    if (plan.step !== 'use') return { state: 'ok', subject, text: PLANNED_CGROUP[plan.step] }
    const text = `version 2, in ${plan.folder}`
    // The machine's root has no counters to look at.
    const isRoot = !existsSync(join(plan.folder, 'cgroup.type'))
    if (isRoot || canResetPeak(plan.folder)) return { state: 'ok', subject, text }
    const remedy = 'with Linux 6.12 or newer it is exact'
    return { state: 'note', subject, text: `${text}; ${INEXACT_PEAK}`, remedy }
  } catch (error) {
    const remedy = 'on the kernel command line, or in the container that this runs in'
    return { state: 'lacking', subject, text: (error as Error).message, remedy }
  }
}

function hostPackages(isInstalled: boolean): Finding {
  const subject = 'host packages'
  const missing = missingHostPackages()
  if (missing.length === 0) return { state: 'ok', subject, text: 'all there' }
  // Without them everything runs; only the next build needs them.
  const state = isInstalled ? 'note' : 'todo'
  return { state, subject, text: `missing: ${missing.join(', ')}`, remedy: RUN_SETUP }
}

function supervisor(input: DoctorInput): Finding {
  const subject = 'supervisor'
  const paths = supervisorPaths(input.home, input.runtimesDir)
  if (areThere(paths)) return { state: 'ok', subject, text: dirname(paths[0] as string) }
  return { state: 'todo', subject, text: 'not compiled', remedy: RUN_SETUP }
}

function imageFinding(runtime: Runtime, image: Image | undefined, input: DoctorInput): Finding {
  const subject = `image ${runtime.name}`
  if (!image) return { state: 'todo', subject, text: 'not built', remedy: RUN_SETUP }
  const { sizeBytes, builtAt } = readImageFacts(image)
  const text = `${Math.round(sizeBytes / 1e6)} MB, ${image.imageHash}, built ${builtAt.slice(0, 10)}`
  const paths = supervisorPaths(input.home, input.runtimesDir)
  const guest = areThere(paths) ? findGuest(runtime, image.rootfs, paths) : undefined
  if (guest) {
    const isFile = findRootImage(image.rootfs, guest.guestHash) !== undefined
    return { state: 'ok', subject, text: isFile ? `${text}, also as an EROFS file` : text }
  }
  return { state: 'todo', subject, text: `${text}, without its runner`, remedy: RUN_SETUP }
}

/** Finds images of older recipes. The set-up keeps them, because another manager may run from them. */
function unusedImages(
  home: string,
  runtimes: Runtime[],
  templates: readonly DescribedTemplate[],
): Finding[] {
  const folder = imagesFolder(home)
  const used = new Set([
    ...runtimes.map((runtime) => `${runtime.name}-${imageHash(runtime)}`),
    ...templates.map(({ image }) => image),
  ])
  const unused = foldersIn(folder).filter((name) => !name.startsWith('.') && !used.has(name))
  if (unused.length === 0) return []
  const text = `of older recipes: ${unused.join(', ')}`
  const remedy = `delete them from ${folder} when no manager runs from them`
  return [{ state: 'note', subject: 'unused images', text, remedy }]
}

function snapshotFinding(runtime: Runtime, home: string): Finding {
  const subject = `snapshot ${runtime.name}`
  const { newestAtMs, fallback } = new SnapshotStore(home).report(runtime.name)
  if (fallback !== null) {
    const text = `could not be made, executors are started cold: ${fallback}`
    return { state: 'note', subject, text, remedy: 'npm run snapshot tries again and tells why' }
  }
  if (newestAtMs === null) {
    return {
      state: 'todo',
      subject,
      text: 'not made',
      remedy: 'npm run snapshot (npm start does it too)',
    }
  }
  return { state: 'ok', subject, text: `made ${new Date(newestAtMs).toISOString().slice(0, 10)}` }
}

function disk(home: string, isInstalled: boolean): Finding {
  const subject = 'disk'
  const stats = statfsSync(nearestFolder(home))
  const freeBytes = stats.bavail * stats.bsize
  const text = `${(freeBytes / 1e9).toFixed(1)} GB free in ${home}`
  if (freeBytes >= NEEDED_DISK_BYTES) return { state: 'ok', subject, text }
  const remedy = `free ${NEEDED_DISK_BYTES / 1e9} GB, or point EXECUTOR_MANAGER_HOME elsewhere`
  return { state: isInstalled ? 'note' : 'lacking', subject, text, remedy }
}

async function port(host: string, number: number): Promise<Finding> {
  const subject = 'port'
  const error = await listenOnce(host, number)
  if (error === undefined) return { state: 'ok', subject, text: `${host}:${number} is free` }
  const text = `${host}:${number} cannot be opened (${error})`
  const remedy = 'fine if the executor manager itself runs; else stop what holds it or set another'
  return { state: 'note', subject, text, remedy }
}

function listenOnce(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    server.listen(port, host, () => server.close(() => resolve(undefined)))
  })
}

function foldersIn(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : []
}

function nearestFolder(path: string): string {
  return existsSync(path) ? path : nearestFolder(dirname(path))
}
