/**
 * Keeps packages out of an image although a package in it depends on them. apt is given one empty
 * package that claims to provide them. Beside force-removing them afterwards this saves their
 * download and unpacking: for Debian's matplotlib that is two thirds of the whole image.
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

/** The version is high enough for any "at least" in a dependency. */
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
