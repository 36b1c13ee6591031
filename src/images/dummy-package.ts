/**
 * Keeps packages out of an image although another package in it depends on them: apt gets one empty package
 * that claims to provide them. So they are neither downloaded nor unpacked, as they would be if they were
 * removed by force later. For Debian's matplotlib they are two thirds of the whole image.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runCommand } from '../lib/command.ts'

/** Builds the package in `workDir` and returns its file. */
export async function buildDummyPackage(workDir: string, omitted: string[]): Promise<string> {
  const tree = join(workDir, 'dummy-package')
  const file = join(workDir, 'dummy-package.deb')
  mkdirSync(join(tree, 'DEBIAN'), { recursive: true })
  writeFileSync(join(tree, 'DEBIAN', 'control'), dummyPackageControl(omitted))
  await runCommand(['dpkg-deb', '--build', '--root-owner-group', tree, file], {
    purpose: 'Packing the dummy package for unneeded Debian packages',
    remedy: 'Check the free disk space.',
  })
  return file
}

/** Returns the control file. Its version is high enough for every `>=` in a dependency. */
export function dummyPackageControl(omitted: string[]): string {
  return [
    'Package: executor-manager-dummy-package',
    'Version: 1',
    `Architecture: ${DEBIAN_ARCHITECTURES[process.arch] ?? process.arch}`,
    // "allowed" also satisfies dependencies written as "perl:any".
    'Multi-Arch: allowed',
    'Maintainer: Executor Manager <root@localhost>',
    `Provides: ${omitted.map((name) => `${name} (= 99999)`).join(', ')}`,
    'Description: stands in for packages that the image does not need',
    '',
  ].join('\n')
}

const DEBIAN_ARCHITECTURES: Record<string, string> = { x64: 'amd64', arm64: 'arm64' }
