/**
 * Gets the Debian packages of a template, with what they need beyond the image, and unpacks them. They come from the
 * archive that the images are made of, signed; their scripts are not run.
 */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ManagerError } from '../errors.ts'
import { readAptSources } from '../images/sources.ts'
import { CommandFailure, runCommand } from '../lib/command.ts'
import type { Progress } from '../lib/progress.ts'
import { readHostSystem } from '../setup/host.ts'
import { privateAptOptions } from '../setup/runsc.ts'
import { plainText } from './layer-stream.ts'

/** Parts of packages that no program needs. */
const UNNEEDED = /^\/usr\/share\/(doc|man|info|lintian|bug|locale)(\/|$)/
/** Installed when the image was made, but taken out of it. */
const GONE = new Set(['perl-base', 'openssl', 'util-linux'])

export const isWantedOfPackage = (path: string) => !UNNEEDED.test(path)

/**
 * Downloads and unpacks packages.
 * @param present "name version" of what the image was made of
 * @param workDir a scratch folder of this build
 * @param tree an empty folder, for the files
 * @returns "name version" of what was added
 * @throws ManagerError BUILD_FAILED that names the package, SETUP_FAILED
 */
export async function unpackPackages(
  packages: readonly string[],
  suite: string,
  present: readonly string[],
  workDir: string,
  tree: string,
  progress: Progress,
): Promise<string[]> {
  const apt = join(workDir, 'apt')
  for (const folder of ['lists/partial', 'cache/archives/partial']) {
    mkdirSync(join(apt, folder), { recursive: true })
  }
  const sources = await readAptSources(readHostSystem().codename, suite)
  if (sources.lines.length === 0) {
    const why = "the apt of this machine knows no archive of Debian's"
    throw new ManagerError('SETUP_FAILED', `Debian packages: ${why}. Add one to its sources.`)
  }
  writeFileSync(join(apt, 'sources.list'), `${sources.lines.join('\n')}\n`)
  writeFileSync(join(apt, 'status'), statusOf(present))
  const options = [
    ...privateAptOptions(apt, sources.options),
    ...['-o', `Dir::State::status=${join(apt, 'status')}`, '-o', 'APT::Install-Recommends=false'],
    // Independent of the host's release.
    ...['-o', `APT::Default-Release=${suite}`, '-o', 'Dir::Etc::Preferencesparts=/dev/null'],
  ]
  const common = { remedy: 'Check that apt-get works on this machine.', cwd: apt, contained: true }
  progress('reading package lists')
  await runCommand(['apt-get', ...options, 'update'], {
    ...common,
    purpose: `Reading the package lists of ${suite}`,
  })
  progress('Debian packages')
  const install = ['install', '--download-only', '--yes', '--no-remove', ...packages]
  await runCommand(['apt-get', ...options, ...install], {
    ...common,
    purpose: `Downloading ${packages.join(', ')}`,
  }).catch((error: Error) => {
    const tail = error.cause instanceof CommandFailure ? error.cause.tail : []
    const told = tail.filter((line) => /^E: |Depends:|Unable to/.test(line)).join(' ')
    throw new ManagerError('BUILD_FAILED', `packages: ${plainText(told || error.message, 1000)}`)
  })
  const folder = join(apt, 'cache/archives')
  const archives = readdirSync(folder).filter((name) => name.endsWith('.deb'))
  for (const archive of archives) {
    await runCommand(['dpkg-deb', '--extract', join(folder, archive), tree], {
      ...common,
      purpose: `Unpacking ${archive}`,
    })
  }
  // NAME_VERSION_ARCHITECTURE.deb, where a colon of the version is %3a.
  return archives.map((name) => decodeURIComponent(name.split('_').slice(0, 2).join(' ')))
}

/** What apt shall take as installed: without dependencies, so that nothing is wanted on its behalf. */
function statusOf(present: readonly string[]): string {
  return present
    .map((line) => line.split(' ') as [string, string])
    .filter(([name]) => !GONE.has(name))
    .map(
      ([name, version]) =>
        `Package: ${name}\nStatus: install ok installed\nArchitecture: ${DEBIAN_ARCHITECTURES[process.arch] ?? process.arch}\nMulti-Arch: foreign\nVersion: ${version}\nMaintainer: none\nDescription: in the image\n`,
    )
    .join('\n')
}

const DEBIAN_ARCHITECTURES: Record<string, string> = { x64: 'amd64' }
