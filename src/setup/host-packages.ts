/** Debian packages the host itself needs before an image can be built or C be compiled. */
import { existsSync } from 'node:fs'
import { ManagerError } from '../errors.ts'
import { runCommand } from './command.ts'
import { findOnPath, readHostSystem } from './host.ts'
import type { Progress } from './progress.ts'

/** A package is missing when its file is: dpkg need not be asked, other origins count too. */
const NEEDED: { name: string; isPresent: () => boolean }[] = [
  { name: 'mmdebstrap', isPresent: () => findOnPath('mmdebstrap') !== undefined },
  { name: 'gcc', isPresent: () => findOnPath('gcc') !== undefined },
  { name: 'libc6-dev', isPresent: () => existsSync('/usr/include/stdio.h') },
  // gVisor's release is a tarball of that kind.
  { name: 'bzip2', isPresent: () => findOnPath('bzip2') !== undefined },
  // A minimal container has no mount.
  { name: 'mount', isPresent: () => findOnPath('mount') !== undefined },
  // What links sandboxes with a network to the host, and filters what passes.
  { name: 'iproute2', isPresent: () => findOnPath('ip') !== undefined },
  { name: 'nftables', isPresent: () => findOnPath('nft') !== undefined },
  { name: 'conntrack', isPresent: () => findOnPath('conntrack') !== undefined },
  {
    name: 'debian-archive-keyring',
    isPresent: () => existsSync('/usr/share/keyrings/debian-archive-keyring.gpg'),
  },
]

export function missingHostPackages(): string[] {
  return NEEDED.filter((need) => !need.isPresent()).map((need) => need.name)
}

export async function installHostPackages(progress: Progress): Promise<void> {
  const missing = missingHostPackages()
  if (missing.length === 0) return
  const list = missing.join(' ')
  if (!findOnPath('apt-get')) {
    throw new ManagerError(
      'SETUP_FAILED',
      `This machine lacks ${list} and has no apt-get: install them by hand (it is ${readHostSystem().prettyName}; Debian 12 or newer is what the set-up knows).`,
    )
  }
  const options = {
    remedy: 'Check the network and the package sources, or install it by hand and start again.',
    env: { DEBIAN_FRONTEND: 'noninteractive' },
  }
  progress('host packages: reading package lists')
  // A set-up killed in the middle of an installation leaves dpkg waiting for exactly this.
  await runCommand(['dpkg', '--configure', '-a'], { ...options, purpose: 'dpkg --configure -a' })
  await runCommand(['apt-get', 'update'], { ...options, purpose: 'apt-get update' })
  progress(`host packages: installing ${list}`)
  await runCommand(['apt-get', 'install', '-y', '--no-install-recommends', ...missing], {
    ...options,
    purpose: `Installing ${list} with apt-get`,
  })
}
