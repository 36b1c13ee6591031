/**
 * Finds where Debian packages come from: the mirror that the host's apt is configured for. So a machine behind a
 * local mirror or proxy needs no further settings.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { runCommand } from '../lib/command.ts'

export type AptSources = {
  /** Lines of a sources.list. Empty: mmdebstrap takes its default for the suite. */
  lines: string[]
  /** The keys that sign the suite; undefined: those that the host's apt trusts. */
  keyring: string | undefined
  /** apt settings of the host that downloading depends on (proxies, certificates). */
  options: string[]
}

const REMEDY = 'Check that apt-get works on this machine.'
const HOST_KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg'
/**
 * Keys that sign Debian 13: those of Ubuntu 22.04 and 24.04, and of Debian 12 before 12.11, are older. From
 * Debian's package debian-archive-keyring 2023.3+deb12u2, its three files debian-archive-trixie-*.gpg.
 */
const TRIXIE_KEYRING = join(import.meta.dirname, 'debian-13-archive-keys.gpg')
// The origin distinguishes Debian's archive from a third party's with the same release names.
const TARGET_FORMAT = '$(ORIGIN)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)'

/**
 * Reads the sources from the host's apt.
 * @param hostSuite the host's VERSION_CODENAME
 * @param suite the one that is wanted
 */
export async function readAptSources(hostSuite: string, suite: string): Promise<AptSources> {
  // On a new machine apt has no package lists yet and names no targets.
  const targets = (await readTargets()) || (await updateLists().then(readTargets))
  const dump = await runCommand(['apt-config', 'dump'], {
    purpose: 'Reading the apt settings of this machine',
    remedy: REMEDY,
  })
  const keyring = keyringOf(suite)
  return {
    lines: sourceLines(targets, hostSuite, suite, keyring),
    keyring,
    options: downloadOptions(dump),
  }
}

/** Returns the file with the keys that sign `suite`; undefined where none is known. */
export function keyringOf(suite: string): string | undefined {
  if (suite === 'trixie') return TRIXIE_KEYRING
  return existsSync(HOST_KEYRING) ? HOST_KEYRING : undefined
}

function readTargets(): Promise<string> {
  return runCommand(
    ['apt-get', 'indextargets', '--format', TARGET_FORMAT, 'Created-By: Packages'],
    { purpose: 'Reading the package sources of this machine', remedy: REMEDY },
  )
}

function updateLists(): Promise<string> {
  return runCommand(['apt-get', 'update'], {
    purpose: 'Downloading the package lists (apt-get update)',
    remedy: 'Check the network and the package sources of this machine.',
  })
}

/** Rewrites the host's Debian sources for `suite`: the release itself, its updates and security. */
export function sourceLines(
  targets: string,
  hostSuite: string,
  suite: string,
  keyring?: string,
): string[] {
  const signed = keyring ? `[signed-by=${keyring}] ` : ''
  const lines = targets.split('\n').flatMap((target) => {
    const [origin, uri, release, component] = target.trim().split('|')
    const pocket = pocketOf(release ?? '', hostSuite)
    if (origin !== 'Debian' || component !== 'main' || pocket === undefined) return []
    return [`deb ${signed}${(uri ?? '').replace(/\/+$/, '')} ${suite}${pocket} main`]
  })
  return [...new Set(lines)]
}

/** '' , '-updates' or '-security'; undefined for third-party sources and backports. */
function pocketOf(release: string, hostSuite: string): string | undefined {
  const normal = release.replace(/\/updates$/, '-security')
  return ['', '-updates', '-security'].find((pocket) => normal === `${hostSuite}${pocket}`)
}

/** Picks from `apt-config dump` the settings that a download needs to reach its server. */
export function downloadOptions(dump: string): string[] {
  return dump
    .split('\n')
    .map((line) => line.trim().replace(/;$/, ''))
    .filter((line) =>
      /^Acquire::(https?::\S+|Check-Valid-Until|Check-Date|Retries) ".+"$/.test(line),
    )
}
