/** Compiles the in-sandbox supervisor, once per source. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
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

/** Returns the path of the binary of the present source, whether or not it is compiled. */
export function supervisorPath(home: string, runtimesDir: string): string {
  const hash = shortHash([readFileSync(sourceFile(runtimesDir)), FLAGS.join(' '), process.arch])
  return join(home, 'supervisor', hash, 'supervisor')
}

/** Compiles the supervisor unless that was done. The caller holds the set-up lock. */
export async function ensureSupervisor(
  home: string,
  runtimesDir: string,
  progress: Progress,
): Promise<string> {
  const path = supervisorPath(home, runtimesDir)
  if (existsSync(path)) return path
  progress('supervisor: compiling')
  mkdirSync(join(home, 'supervisor'), { recursive: true, mode: 0o755 })
  const fresh = mkdtempSync(join(home, 'supervisor', '.new-'))
  try {
    const output = join(fresh, 'supervisor')
    await runCommand(['gcc', ...FLAGS, '-o', output, sourceFile(runtimesDir)], {
      purpose: 'Compiling the supervisor',
      remedy: 'Check that gcc and libc6-dev are installed and work.',
      contained: true,
    })
    chmodSync(fresh, 0o755)
    renameSync(fresh, join(path, '..'))
  } finally {
    rmSync(fresh, { recursive: true, force: true })
  }
  return path
}

function sourceFile(runtimesDir: string): string {
  return join(runtimesDir, 'supervisor', 'supervisor.c')
}
