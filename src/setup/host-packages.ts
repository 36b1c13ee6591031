/** Installs the packages of the distribution that the set-up needs on the host. */
import { existsSync } from 'node:fs'
import { ManagerError } from '../errors.ts'
import { runCommand } from '../lib/command.ts'
import type { Progress } from '../lib/progress.ts'
import { findOnPath, readHostSystem, wayOf } from './host.ts'

export interface HostPackage {
  /** The same in Debian and in Ubuntu. */
  readonly name: string
  readonly why: string
  readonly isPresent: () => boolean
}

const has = (command: string) => () => findOnPath(command) !== undefined

/** A package is missing when its file is missing. So a tool of another origin counts too. */
const NEEDED: readonly HostPackage[] = [
  { name: 'mmdebstrap', why: 'makes the images', isPresent: has('mmdebstrap') },
  {
    name: 'debian-archive-keyring',
    why: 'checks what the images are made of',
    isPresent: () => existsSync('/usr/share/keyrings/debian-archive-keyring.gpg'),
  },
  { name: 'gcc', why: 'compiles the supervisor', isPresent: has('gcc') },
  {
    name: 'libc6-dev',
    why: 'compiles the supervisor',
    isPresent: () => existsSync('/usr/include/stdio.h'),
  },
  { name: 'python3-pip', why: 'brings the libraries of Python', isPresent: has('pip3') },
  { name: 'bzip2', why: "unpacks gVisor's release", isPresent: has('bzip2') },
  // A minimal container has no mount.
  { name: 'mount', why: 'mounts file systems', isPresent: has('mount') },
  { name: 'iproute2', why: 'links sandboxes with a network', isPresent: has('ip') },
  { name: 'nftables', why: 'filters their network', isPresent: has('nft') },
  { name: 'conntrack', why: 'ends their connections', isPresent: has('conntrack') },
]

/** Returns the names of the packages that this host lacks. */
export function missingHostPackages(): string[] {
  return missing().map(({ name }) => name)
}

function missing(): HostPackage[] {
  return NEEDED.filter((need) => !need.isPresent())
}

/**
 * Installs the packages that are missing. Before that it says which they are and why they are needed.
 * @param mayInstall false: refuses instead
 * @throws ManagerError SETUP_FAILED that names the packages
 */
export async function installHostPackages(progress: Progress, mayInstall: boolean): Promise<void> {
  await installPackages(missing(), progress, mayInstall)
}

/**
 * Installs these packages. The caller has found that they are missing.
 * @param mayInstall false: refuses instead
 * @throws ManagerError SETUP_FAILED that names the packages
 */
export async function installPackages(
  lacking: readonly HostPackage[],
  progress: Progress,
  mayInstall: boolean,
): Promise<void> {
  if (lacking.length === 0) return
  const list = lacking.map(({ name }) => name).join(' ')
  refuse(lacking, mayInstall)
  const options = {
    remedy:
      "Check the network and the package sources (Ubuntu's component universe), or install it by hand and start again. A service whose system is read-only cannot install: run npm run setup in a shell once.",
    env: { DEBIAN_FRONTEND: 'noninteractive' },
  }
  progress(`host packages: ${describe(lacking)} will be installed (--no-install refuses instead)`)
  progress('host packages: reading package lists')
  // After a set-up that was killed during an installation, dpkg does nothing else before this.
  await runCommand(['dpkg', '--configure', '-a'], { ...options, purpose: 'dpkg --configure -a' })
  await runCommand(['apt-get', 'update'], { ...options, purpose: 'apt-get update' })
  progress(`host packages: installing ${list}`)
  const install = ['apt-get', 'install', '-y', '--no-install-recommends']
  await runCommand([...install, ...lacking.map(({ name }) => name)], {
    ...options,
    purpose: `Installing ${list} with apt-get`,
  })
}

function refuse(lacking: readonly HostPackage[], mayInstall: boolean): void {
  const what = `This machine lacks ${describe(lacking)}`
  if (!mayInstall) {
    const names = lacking.map(({ name }) => name).join(' ')
    throw new ManagerError(
      'SETUP_FAILED',
      `${what}, and --no-install forbids to install it: run apt-get install ${names}, or leave --no-install out.`,
    )
  }
  if (findOnPath('apt-get')) return
  const host = readHostSystem()
  throw new ManagerError(
    'SETUP_FAILED',
    `${what} and has no apt-get. It is ${host.prettyName}; ${wayOf(host).text}.`,
  )
}

/** Lists the names, each with its purpose. */
export function describe(packages: readonly Pick<HostPackage, 'name' | 'why'>[]): string {
  return packages.map(({ name, why }) => `${name} (${why})`).join(', ')
}
