/**
 * Adds npm and pip packages to a root file system, by the host's npm and pip and so from where these are
 * set up to get packages from. Lock files name every package with its version and its hash: another file
 * than was locked is refused.
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
// The package `node` only downloads this one in an install script; we run no foreign scripts.
const NODE_BINARY_PACKAGE = `node-linux-${process.arch}`
/** Declarations and maps for tools, tests: nothing that a program loads. */
const NPM_UNNEEDED = /\.d\.[cm]?ts$|\.map$|\/(test|tests|__tests__|docs|\.github)$/

/**
 * Installs what a package-lock.json locks under /usr/local/lib/node_modules, without install scripts.
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
  // Where a program's imports look: ES modules do not know NODE_PATH.
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
 * Installs what a pip requirements file locks into the image's Python, whatever Python the host has.
 * Wheels only, so that nothing foreign is run.
 */
export async function addPythonPackages(
  rootfs: string,
  workDir: string,
  lock: string,
  progress: Progress,
): Promise<Libraries> {
  const version = imagePythonVersion(rootfs)
  const folder = join('/usr/local/lib', `python${version}`, 'dist-packages')
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
        // It would compare with the Python that pip runs in.
        '--ignore-requires-python',
        ...['--retries=5', '--timeout=60', '--progress-bar=off', '--disable-pip-version-check'],
        ...['--no-input', '--root-user-action=ignore'],
      ],
      {
        purpose: `Installing ${lock} with pip`,
        remedy: 'Check that pip3 works on this machine and reaches its index.',
        // On the same file system pip moves what it has unpacked.
        env: { TMPDIR: workDir },
        contained: true,
        onLine,
      },
    )
  })
  progress('compiling libraries', 100)
  rmSync(join(target, 'bin'), { recursive: true, force: true })
  await strip(target)
  // The root is read-only at run time: what is not compiled now is compiled at every import.
  const command = [
    `find ${folder} -depth -type d \\( -name tests -o -name test \\) -exec rm -rf {} +`,
    `find ${folder} -type f \\( ${PYTHON_UNNEEDED.map((name) => `-name '${name}'`).join(' -o ')} \\) -not -name __init__.pyi -delete`,
    // Side by side needs /dev/shm, which is not there without the right to mount.
    `python3 -I -m compileall -q -j "$(nproc)" ${folder} 2>/dev/null || python3 -I -m compileall -q ${folder}`,
  ]
  await runInImage(rootfs, command.join('\n'), {
    purpose: 'Compiling the pip packages',
    remedy: 'Check that the image has python3.',
  })
  return pythonLibraries(target)
}

/** Takes symbols for debuggers out of large extension modules. */
async function strip(folder: string): Promise<void> {
  // What wheels bring as copies of system libraries (NAME.libs) has none.
  const large = ['-name', '*.so*', '-type', 'f', '-size', '+1M', '-not', '-path', '*.libs/*']
  await runCommand(['find', folder, ...large, '-exec', 'strip', '--strip-unneeded', '{}', '+'], {
    purpose: 'Stripping the pip packages',
    remedy: 'Check that the host has strip (of the package binutils, which gcc needs).',
    contained: true,
  })
}

/** For compilers and type checkers; nothing that a program loads, but for packages' `__init__.pyi`. */
const PYTHON_UNNEEDED = ['*.pyi', '*.pyx', '*.pxd', '*.pxi', '*.a', '*.h', '*.hpp', '*.c', '*.cc']

/** By the folders that pip leaves. */
function pythonLibraries(folder: string): Libraries {
  const found = readdirSync(folder).flatMap((name): [string, string][] => {
    const [, library, version] = /^(.+?)-([^-]+)\.dist-info$/.exec(name) ?? []
    return library && version ? [[library.replaceAll('_', '-').toLowerCase(), version]] : []
  })
  return Object.fromEntries(found.sort(([a], [b]) => (a < b ? -1 : 1)))
}

function imagePythonVersion(rootfs: string): string {
  const names = readdirSync(join(rootfs, 'usr/lib'))
  const version = names.map((name) => /^python(3\.\d+)$/.exec(name)?.[1]).find(Boolean)
  return version ?? '3'
}
