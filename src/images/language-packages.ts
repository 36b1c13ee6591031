/** Adds npm and pip packages to a root file system; both are installed by the host's tools. */
import { cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { runCommand } from '../lib/command.ts'
import { runInImage } from './chroot.ts'

/** Exact versions into /usr/local/lib/node_modules. `node` becomes /usr/local/bin/node. */
export async function addNpmPackages(
  rootfs: string,
  workDir: string,
  packages: Record<string, string>,
): Promise<void> {
  const entries = Object.entries(packages)
  if (entries.length === 0) return
  const project = join(workDir, 'npm')
  mkdirSync(project, { recursive: true })
  const wanted = entries.map(([name, version]) => `${npmName(name)}@${version}`)
  await runCommand(
    [
      ...['npm', 'install', '--prefix', project, '--ignore-scripts', '--omit=dev'],
      ...['--no-audit', '--no-fund', '--no-package-lock', '--install-strategy=hoisted'],
      ...wanted,
    ],
    {
      purpose: `Installing ${wanted.join(' ')} with npm`,
      remedy: 'Check that npm can reach its registry.',
      cwd: project,
      contained: true,
    },
  )
  const modules = join(project, 'node_modules')
  const binary = join(modules, NODE_BINARY_PACKAGE, 'bin', 'node')
  const bin = join(rootfs, 'usr/local/bin')
  mkdirSync(bin, { recursive: true })
  if (existsSync(binary)) {
    renameSync(binary, join(bin, 'node'))
    rmSync(join(modules, NODE_BINARY_PACKAGE), { recursive: true })
  }
  rmSync(join(modules, '.bin'), { recursive: true, force: true })
  rmSync(join(modules, '.package-lock.json'), { force: true })
  const target = join(rootfs, 'usr/local/lib/node_modules')
  mkdirSync(target, { recursive: true })
  for (const name of readdirSync(modules)) {
    cpSync(join(modules, name), join(target, name), { recursive: true })
  }
}

// The package `node` only downloads this one in an install script; we run no foreign scripts.
const NODE_BINARY_PACKAGE = `node-linux-${process.arch}`

function npmName(name: string): string {
  return name === 'node' ? NODE_BINARY_PACKAGE : name
}

/** Wheels only, chosen for the image's Python whatever Python the host has. */
export async function addPythonPackages(rootfs: string, requirements: string): Promise<void> {
  const version = imagePythonVersion(rootfs)
  const folder = join('/usr/local/lib', `python${version}`, 'dist-packages')
  await runCommand(
    [
      ...['python3', '-m', 'pip', 'install', '--requirement', requirements],
      ...['--target', join(rootfs, folder)],
      ...['--python-version', version, '--only-binary=:all:', '--no-compile'],
      ...['--disable-pip-version-check', '--no-input', '--root-user-action=ignore'],
    ],
    {
      purpose: `Installing ${requirements} with pip`,
      remedy:
        "Check that the host has python3 with pip, that pip reaches its index, and the file's names and versions.",
      contained: true,
    },
  )
  // The root is read-only at run time: what is not compiled now is compiled at every import.
  await runInImage(rootfs, `python3 -m compileall -q ${folder}`, {
    purpose: 'Compiling the pip packages',
    remedy: 'Check that the image has python3.',
  })
}

function imagePythonVersion(rootfs: string): string {
  const names = readdirSync(join(rootfs, 'usr/lib'))
  const version = names.map((name) => /^python(3\.\d+)$/.exec(name)?.[1]).find(Boolean)
  return version ?? '3'
}
