/** Makes a root file system from Debian packages with mmdebstrap. */
import { mkdirSync, rmdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { runCommand } from '../lib/command.ts'
import type { Progress } from '../lib/progress.ts'
import { retried } from '../lib/retry.ts'
import type { ImageRecipe } from '../runtimes/definition.ts'
import { BASE_PACKAGES } from './base-system.ts'
import { buildDummyPackage } from './dummy-package.ts'
import type { AptSources } from './sources.ts'

// These files are not unpacked, which takes less time than deleting them later. libc has C.UTF-8 built in.
const UNPACKED_NEVER = ['doc', 'man', 'info', 'locale', 'lintian', 'bug', 'javascript'].map(
  (folder) => `--dpkgopt=path-exclude=/usr/share/${folder}/*`,
)

export type BootstrapPlaces = {
  rootfs: string
  /** Scratch folder of this build. */
  workDir: string
  /** Downloaded packages, shared by the images of one set-up. */
  packageCache: string
}

/** Installs the recipe's Debian packages and what they need into `rootfs`. */
export async function bootstrap(
  recipe: ImageRecipe,
  sources: AptSources,
  places: BootstrapPlaces,
  progress: Progress,
): Promise<void> {
  mkdirSync(places.packageCache, { recursive: true })
  const dummyPackage =
    recipe.omitPackages.length > 0
      ? await buildDummyPackage(places.workDir, recipe.omitPackages)
      : ''
  await retried('mmdebstrap', progress, () => {
    rmSync(places.rootfs, { recursive: true, force: true })
    return runCommand(bootstrapArgv(recipe, sources, places, dummyPackage), {
      purpose: 'Building an image with mmdebstrap',
      remedy: 'Check the network, the package sources of this machine and the free disk space.',
      contained: true,
      onLine: bootstrapProgress(progress),
    })
  })
  if (dummyPackage) forgetHostPath(places.rootfs, dummyPackage)
}

/** Removes the path of the dummy package: mmdebstrap showed it inside under its path on the host. */
function forgetHostPath(rootfs: string, dummyPackage: string): void {
  rmSync(join(rootfs, dummyPackage), { force: true })
  try {
    for (let path = dirname(dummyPackage); path !== '/'; path = dirname(path)) {
      rmdirSync(join(rootfs, path))
    }
  } catch {
    // A folder that is not empty belongs to the image.
  }
}

/**
 * Returns the command line of mmdebstrap. Changes nothing.
 * @param dummyPackage path of a .deb file; '': none
 */
export function bootstrapArgv(
  recipe: ImageRecipe,
  sources: AptSources,
  places: BootstrapPlaces,
  dummyPackage: string,
): string[] {
  const archives = 'var/cache/apt/archives'
  return [
    'mmdebstrap',
    '--verbose',
    '--mode=root',
    '--format=directory',
    // Only Debian's essential packages: apt runs outside of the image.
    '--variant=essential',
    `--include=${[...BASE_PACKAGES, ...recipe.packages].join(',')}`,
    // A .deb file needs an --include of its own, and must exist inside under the same path.
    ...(dummyPackage
      ? [
          `--include=${dummyPackage}`,
          `--setup-hook=install -D -m 644 "${dummyPackage}" "$1${dummyPackage}"`,
        ]
      : []),
    '--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr',
    // The other way to get a merged /usr is a package that depends on all of perl.
    `--setup-hook=printf 'Package: usrmerge\\nPin: release *\\nPin-Priority: -1\\n' > "$1/etc/apt/preferences.d/merged-usr"`,
    '--aptopt=Apt::Install-Recommends "false"',
    '--aptopt=Acquire::Languages "none"',
    '--aptopt=Acquire::Retries "5"',
    ...sources.options.map((option) => `--aptopt=${option}`),
    // An interrupted build is deleted, so dpkg need not sync every file to disk.
    '--dpkgopt=force-unsafe-io',
    ...UNPACKED_NEVER,
    // Hard links in both directions: a set-up downloads each package once for all images.
    '--skip=essential/unlink',
    `--setup-hook=mkdir -p "$1/${archives}" && cp -al "${places.packageCache}/." "$1/${archives}/"`,
    `--customize-hook=find "$1/${archives}" -maxdepth 1 -name "*.deb" -exec cp -alf -t "${places.packageCache}" {} +`,
    // It knows Debian's archive, and on an older system not its keys.
    ...(sources.lines.length === 0 && sources.keyring ? [`--keyring=${sources.keyring}`] : []),
    recipe.suite,
    places.rootfs,
    ...sources.lines,
  ]
}

// The share of each phase in the time of a build, in percent from and to.
const PHASES: [RegExp, string, number, number][] = [
  [/^I: running apt-get update/, 'reading package lists', 0, 8],
  [/^I: downloading packages/, 'downloading', 8, 15],
  [/^I: extracting archives/, 'unpacking essential packages', 15, 20],
  [/^I: installing essential packages/, 'installing essential packages', 20, 35],
  [/^I: installing remaining packages/, 'installing packages', 35, 95],
  [/^I: cleaning package lists/, 'cleaning up', 95, 100],
]

/** Makes a function that reads the lines of mmdebstrap and dpkg and reports phase and percentage. */
export function bootstrapProgress(
  report: (phase: string, percent: number) => void,
): (line: string) => void {
  let phase = PHASES[0] as (typeof PHASES)[number]
  let expected = 0
  let seen = 0
  return (line) => {
    const next = PHASES.find(([pattern]) => pattern.test(line))
    if (next) {
      phase = next
      seen = 0
    }
    const total = /(\d+) newly installed/.exec(line)
    if (total) {
      expected = Number(total[1]) * 2
      seen = 0
    }
    if (/^(Unpacking|Setting up) /.test(line)) seen += 1
    else if (!next) return
    const [, name, from, to] = phase
    const share = expected > 0 ? Math.min(seen / expected, 1) : 0
    report(name, from + (to - from) * share)
  }
}
