/**
 * Adds npm and pip packages to a root file system. The host's npm and pip download them, from the registries that
 * these are configured for. Lock files name each package with its version and hash; npm and pip refuse a file
 * with another hash.
 */
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { runCommand } from '../lib/command.ts'
import type { Progress } from '../lib/progress.ts'
import { retried } from '../lib/retry.ts'
import { runInImage } from './chroot.ts'

/** Versions of libraries by their names. */
export type Libraries = Record<string, string>

const MODULES = 'usr/local/lib/node_modules'
// The package `node` downloads this one in its install script. Install scripts are not run here.
const NODE_BINARY_PACKAGE = `node-linux-${process.arch}`
/** Type declarations, source maps, tests and documents: programs do not load them. */
const NPM_UNNEEDED = /\.d\.[cm]?ts$|\.map$|\/(test|tests|__tests__|docs|\.github)$/

/**
 * Installs the packages of a package-lock.json under /usr/local/lib/node_modules. Runs no install scripts.
 * @param lock its path; package.json lies beside it
 */
export async function addNpmPackages(
  rootfs: string,
  workDir: string,
  lock: string,
  progress: Progress,
): Promise<Libraries> {
  const project = join(workDir, 'npm')
  mkdirSync(project, { recursive: true })
  copyFileSync(join(dirname(lock), 'package.json'), join(project, 'package.json'))
  copyFileSync(lock, join(project, 'package-lock.json'))
  await retried('npm', progress, () =>
    runCommand(['npm', 'ci', '--ignore-scripts', '--omit=dev', '--no-audit', '--no-fund'], {
      purpose: `Installing ${lock} with npm`,
      remedy: 'Check that npm reaches its registry, and that the lock file fits its package.json.',
      cwd: project,
      contained: true,
    }),
  )
  const modules = join(project, 'node_modules')
  const binary = join(modules, NODE_BINARY_PACKAGE, 'bin', 'node')
  const libraries: Libraries = {}
  if (existsSync(binary)) {
    const bin = join(rootfs, 'usr/local/bin')
    mkdirSync(bin, { recursive: true })
    renameSync(binary, join(bin, 'node'))
    libraries.node = String(readJson(join(modules, NODE_BINARY_PACKAGE, 'package.json')).version)
    rmSync(join(modules, NODE_BINARY_PACKAGE), { recursive: true })
  }
  rmSync(join(modules, '.bin'), { recursive: true, force: true })
  rmSync(join(modules, '.package-lock.json'), { force: true })
  const target = join(rootfs, MODULES)
  mkdirSync(target, { recursive: true })
  // ES modules are looked up in parent folders only, not in NODE_PATH.
  symlinkSync(MODULES, join(rootfs, 'node_modules'))
  cpSync(modules, target, { recursive: true, filter: (path) => !NPM_UNNEEDED.test(path) })
  const { dependencies = {} } = readJson(join(project, 'package.json'))
  for (const name of Object.keys(dependencies as object).sort()) {
    libraries[name] = String(readJson(join(target, name, 'package.json')).version)
  }
  return libraries
}

function readJson(file: string): Record<string, unknown> {
  return JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>
}

/**
 * Installs the packages of a locked pip requirements file for the image's Python; the host's may be another
 * version. Installs wheels only, so that no package's code runs.
 */
export async function addPythonPackages(
  rootfs: string,
  workDir: string,
  lock: string,
  progress: Progress,
): Promise<void> {
  const version = imagePythonVersion(rootfs)
  const folder = pythonFolder(version)
  const target = join(rootfs, folder)
  const wanted = readFileSync(lock, 'utf8').match(/^\S+==/gm)?.length ?? 1
  let seen = 0
  const onLine = (line: string) => {
    if (/^(Collecting|Downloading|Using cached) /.test(line.trim())) seen += 0.5
    progress('downloading libraries', Math.min(seen / wanted, 1) * 100)
  }
  await retried('pip', progress, () => {
    seen = 0
    rmSync(target, { recursive: true, force: true })
    return runCommand(
      [
        ...['pip3', 'install', '--requirement', lock, '--require-hashes', '--no-deps'],
        ...['--target', target, '--python-version', version, '--only-binary=:all:', '--no-compile'],
        // pip would compare with the host's Python.
        '--ignore-requires-python',
        ...['--retries=5', '--timeout=60', '--progress-bar=off', '--disable-pip-version-check'],
        ...['--no-input', '--root-user-action=ignore'],
      ],
      {
        purpose: `Installing ${lock} with pip`,
        remedy: 'Check that pip3 works on this machine and reaches its index.',
        // On the same file system pip can move the unpacked files and need not copy them.
        env: { TMPDIR: workDir },
        contained: true,
        onLine,
      },
    )
  })
  progress('compiling libraries', 100)
  rmSync(join(target, 'bin'), { recursive: true, force: true })
  await strip(target)
  // The root is read-only at run time, so a module that is not compiled now is compiled at every import.
  const command = [
    `find ${folder} -depth -type d \\( -name tests -o -name test \\) -exec rm -rf {} +`,
    `find ${folder} -type f \\( ${PYTHON_UNNEEDED.map((name) => `-name '${name}'`).join(' -o ')} \\) -not -name __init__.pyi -delete`,
    // Compiling in parallel needs /dev/shm, which is missing without the right to mount.
    `python3 -I -m compileall -q -j "$(nproc)" ${folder} 2>/dev/null || python3 -I -m compileall -q ${folder}`,
  ]
  await runInImage(rootfs, command.join('\n'), {
    purpose: 'Compiling the pip packages',
    remedy: 'Check that the image has python3.',
  })
}

/** Removes debugger symbols from large extension modules. */
async function strip(folder: string): Promise<void> {
  // The copies of system libraries in wheels (NAME.libs) have no such symbols.
  const large = ['-name', '*.so*', '-type', 'f', '-size', '+1M', '-not', '-path', '*.libs/*']
  await runCommand(['find', folder, ...large, '-exec', 'strip', '--strip-unneeded', '{}', '+'], {
    purpose: 'Stripping the pip packages',
    remedy: 'Check that the host has strip (of the package binutils, which gcc needs).',
    contained: true,
  })
}

/** Files for compilers and type checkers: programs do not load them, except a package's `__init__.pyi`. */
const PYTHON_UNNEEDED = ['*.pyi', '*.pyx', '*.pxd', '*.pxi', '*.a', '*.h', '*.hpp', '*.c', '*.cc']

/** Reads the names and versions of an image's pip packages from the `.dist-info` folders that pip makes. */
export function pythonLibraries(rootfs: string): Libraries {
  const folder = join(rootfs, pythonFolder(imagePythonVersion(rootfs)))
  const found = readdirSync(folder).flatMap((name): [string, string][] => {
    const [, library, version] = /^(.+?)-([^-]+)\.dist-info$/.exec(name) ?? []
    return library && version ? [[library.replaceAll('_', '-').toLowerCase(), version]] : []
  })
  return Object.fromEntries(found.sort(([a], [b]) => (a < b ? -1 : 1)))
}

function pythonFolder(version: string): string {
  return join('/usr/local/lib', `python${version}`, 'dist-packages')
}

function imagePythonVersion(rootfs: string): string {
  const names = readdirSync(join(rootfs, 'usr/lib'))
  const version = names.map((name) => /^python(3\.\d+)$/.exec(name)?.[1]).find(Boolean)
  return version ?? '3'
}
