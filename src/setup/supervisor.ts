import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs'
import { join } from 'node:path'
import { shortHash } from '../images/recipe.ts'
import { runCommand } from '../lib/command.ts'
import type { Progress } from '../lib/progress.ts'

// Static: it must run in every image, whatever C library that has.
const FLAGS = [
  ...['-O2', '-static', '-Wall', '-Wextra', '-Werror', '-D_FORTIFY_SOURCE=2'],
  '-fstack-protector-strong',
]

/** The program that is pid 1 in sandboxes of one run, the one in those of a session, and sudo for these. */
const PROGRAMS = ['supervisor', 'session', 'sudo']

/** Returns the paths of the binaries of the present sources, whether or not they are compiled. */
export function supervisorPaths(home: string, runtimesDir: string): string[] {
  const folder = sourceFolder(runtimesDir)
  const names = readdirSync(folder).sort()
  const sources = names.flatMap((name) => [name, readFileSync(join(folder, name))])
  const hash = shortHash([...sources, FLAGS.join(' '), process.arch])
  return PROGRAMS.map((name) => join(home, 'supervisor', hash, name))
}

/** Compiles the supervisors unless that was done. The caller holds the set-up lock. */
export async function ensureSupervisors(
  home: string,
  runtimesDir: string,
  progress: Progress,
): Promise<string[]> {
  const paths = supervisorPaths(home, runtimesDir)
  if (areThere(paths)) return paths
  progress('supervisor: compiling')
  mkdirSync(join(home, 'supervisor'), { recursive: true, mode: 0o755 })
  const fresh = mkdtempSync(join(home, 'supervisor', '.new-'))
  try {
    for (const name of PROGRAMS) {
      const files = sourcesOf(name, sourceFolder(runtimesDir))
      await runCommand(['gcc', ...FLAGS, '-o', join(fresh, name), ...files], {
        purpose: 'Compiling the supervisor',
        remedy: 'Check that gcc and libc6-dev are installed and work.',
        contained: true,
      })
    }
    chmodSync(fresh, 0o755)
    renameSync(fresh, join(paths[0] as string, '..'))
  } finally {
    rmSync(fresh, { recursive: true, force: true })
  }
  return paths
}

/** Tells whether all of them are compiled. */
export function areThere(paths: readonly string[]): boolean {
  return paths.every((path) => existsSync(path))
}

/** Returns the paths of a program's C files: NAME.c and all NAME-*.c. */
function sourcesOf(name: string, folder: string): string[] {
  const names = readdirSync(folder).sort()
  const isIts = (file: string) => file === `${name}.c` || file.startsWith(`${name}-`)
  return names
    .filter((file) => isIts(file) && file.endsWith('.c'))
    .map((file) => join(folder, file))
}

function sourceFolder(runtimesDir: string): string {
  return join(runtimesDir, 'supervisor')
}
