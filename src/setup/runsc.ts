/** Finds a runsc that is new enough, or fetches one without touching the system's own packages. */

import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { capabilitiesOf } from '../engine/runsc/capabilities.ts'
import type { Runsc } from '../engine/runsc/installation.ts'
import { isRunscRecent, MINIMUM_RUNSC_DATE } from '../engine/runsc/runsc-version.ts'
import { findSidecars } from '../engine/runsc/sidecars.ts'
import { ManagerError } from '../errors.ts'
import { readAptSources } from '../images/sources.ts'
import { runCommand } from '../lib/command.ts'
import type { Progress } from '../lib/progress.ts'
import { downloadedRunsc, downloadRelease, isDownloadDue } from './gvisor-release.ts'
import { findOnPath, type HostSystem, readHostSystem } from './host.ts'
import { type ReleaseSource, type RunscChoice, readRunscChoice } from './runsc-choice.ts'
import { probeRunsc } from './runsc-probe.ts'

/** Finds the runsc to use: the operator's, else the first recent one of PATH, gVisor's release and Debian. */
export function findRunsc(home: string, choice = readRunscChoice(process.env)): Runsc | undefined {
  const candidates = choice.path
    ? [choice.path]
    : [findOnPath('runsc'), choice.download && downloadedRunsc(home), ownRunsc(home)]
  for (const runscPath of candidates) {
    const found = runscPath && describeRunsc(runscPath, home)
    if (found && isRunscRecent(found.runscVersion)) return found
  }
  return undefined
}

/**
 * Decides whether to download a release: the operator gave no runsc, and none was downloaded from there.
 * @returns where to download it from, or null
 */
export function dueDownload(home: string, choice: RunscChoice): ReleaseSource | null {
  const { path, download } = choice
  if (path || !download || !isDownloadDue(home, download)) return null
  const onPath = findOnPath('runsc')
  const given = onPath && describeRunsc(onPath, home)
  return given && isRunscRecent(given.runscVersion) ? null : download
}

/** Describes a runsc, however old it is; undefined when it does not run. */
export function describeRunsc(runscPath: string, home: string): Runsc | undefined {
  const facts = probeRunsc(runscPath, home)
  if (!facts) return undefined
  const capabilities = capabilitiesOf(facts)
  const sidecars = capabilities.sidecars ? findSidecars(runscPath) : null
  return { runscPath, runscVersion: facts.version, capabilities, sidecars }
}

/**
 * Returns a runsc that is new enough. Fetches one if none is installed.
 * @throws ManagerError SETUP_FAILED: one sentence with the remedy
 */
export async function ensureRunsc(
  home: string,
  progress: Progress,
  choice = readRunscChoice(process.env),
): Promise<Runsc> {
  const source = dueDownload(home, choice)
  if (source) await downloadRelease(home, source, progress)
  const present = findRunsc(home, choice)
  if (present) return present
  if (choice.path) throw unfit(choice.path, home)
  const host = readHostSystem()
  const suite = runscSuite(host)
  if (suite === undefined) {
    throw new ManagerError(
      'SETUP_FAILED',
      `runsc ${MINIMUM_RUNSC_DATE} or newer is needed and ${host.prettyName} has none to fetch: install gVisor's own release so that runsc is on the PATH.`,
    )
  }
  progress(`runsc: fetching from ${suite}`)
  await fetchRunsc(home, host, suite)
  const fetched = findRunsc(home, choice)
  if (fetched) return fetched
  throw new ManagerError(
    'SETUP_FAILED',
    `The runsc of ${suite} is older than ${MINIMUM_RUNSC_DATE} or does not run here: install gVisor's own release so that runsc is on the PATH.`,
  )
}

/** Makes the error for the operator's own runsc when it is too old: no other is used in its place. */
export function unfit(runscPath: string, home: string): ManagerError {
  const version = describeRunsc(runscPath, home)?.runscVersion
  const what = version ? `is version ${version}` : 'is no runsc that runs here'
  return new ManagerError(
    'SETUP_FAILED',
    `EXECUTOR_MANAGER_RUNSC: ${runscPath} ${what}; name a runsc ${MINIMUM_RUNSC_DATE} or newer, or leave it out.`,
  )
}

/** Returns Debian's suite with a recent runsc: backports of Debian 12, main of later releases. */
export function runscSuite(host: HostSystem): string | undefined {
  if (host.id !== 'debian' || !(host.version >= 12) || host.codename === '') return undefined
  return host.version === 12 ? `${host.codename}-backports` : host.codename
}

/** apt with a private state: neither the system's sources nor its lists nor its packages change. */
async function fetchRunsc(home: string, host: HostSystem, suite: string): Promise<void> {
  mkdirSync(join(home, 'bin'), { recursive: true, mode: 0o755 })
  for (const name of readdirSync(home).filter((entry) => entry.startsWith(FETCHING_PREFIX))) {
    rmSync(join(home, name), { recursive: true, force: true })
  }
  const work = mkdtempSync(join(home, FETCHING_PREFIX))
  try {
    chmodSync(work, 0o755)
    const sources = await readAptSources(host.codename, suite)
    // Of the host's Debian lines only the main archive carries the suite, not security or updates.
    const line = sources.lines.find((entry) => entry.endsWith(` ${suite} main`))
    if (line === undefined) {
      throw new ManagerError(
        'SETUP_FAILED',
        `The package sources of this machine name no Debian archive for ${host.codename}, so ${suite} cannot be derived: add one, or put runsc ${MINIMUM_RUNSC_DATE} or newer on the PATH.`,
      )
    }
    for (const folder of ['lists/partial', 'cache/archives/partial']) {
      mkdirSync(join(work, folder), { recursive: true })
    }
    writeFileSync(join(work, 'sources.list'), `${line}\n`)
    const options = privateAptOptions(work, sources.options)
    const remedy = `Check the network, or put runsc ${MINIMUM_RUNSC_DATE} or newer on the PATH.`
    const common = { remedy, cwd: work, contained: true }
    const purpose = `Fetching runsc from ${suite}`
    await runCommand(['apt-get', ...options, 'update'], { ...common, purpose })
    await runCommand(['apt-get', ...options, 'download', 'runsc'], { ...common, purpose })
    const archive = readdirSync(work).find((name) => name.endsWith('.deb')) ?? 'runsc.deb'
    await runCommand(['dpkg-deb', '--extract', archive, 'tree'], { ...common, purpose })
    renameSync(join(work, 'tree/usr/bin/runsc'), ownRunsc(home))
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

const FETCHING_PREFIX = '.fetching-runsc-'

/** Returns the options that keep apt within the folder `work`. */
export function privateAptOptions(work: string, hostOptions: string[]): string[] {
  const settings = [
    `Dir::Etc::sourcelist=${join(work, 'sources.list')}`,
    'Dir::Etc::sourceparts=/dev/null',
    `Dir::State::lists=${join(work, 'lists')}`,
    `Dir::Cache=${join(work, 'cache')}`,
    'APT::Sandbox::User=root',
    // Hooks of the host are about the host's own packages.
    'APT::Update::Post-Invoke-Success=',
    ...hostOptions.map((option) => option.replace(/^(\S+) "(.*)"$/, '$1=$2')),
  ]
  return settings.flatMap((setting) => ['-o', setting])
}

function ownRunsc(home: string): string {
  return join(home, 'bin', 'runsc')
}
