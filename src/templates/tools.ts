/** Gets what installs libraries in a sandbox: pip or npm, of a lock file of the runtime. It is only data here. */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { shortHash } from '../images/recipe.ts'
import { runCommand } from '../lib/command.ts'
import type { Progress } from '../lib/progress.ts'
import { retried } from '../lib/retry.ts'
import type { Runtime } from '../runtimes/definition.ts'

type LibrariesRecipe = NonNullable<Runtime['libraries']>

/** Returns what names the tools: a change of it makes others. */
export function toolsLockText(
  { folder }: Pick<Runtime, 'folder'>,
  recipe: LibrariesRecipe,
): Buffer {
  return readFileSync(join(folder, recipe.tools))
}

/**
 * Returns the folder of the tools, and gets them with pip or npm of this machine unless they are there. The caller
 * holds the set-up lock.
 * @throws ManagerError SETUP_FAILED
 */
export async function ensureTools(
  runtime: Runtime,
  recipe: LibrariesRecipe,
  home: string,
  progress: Progress,
): Promise<string> {
  const lock = join(runtime.folder, recipe.tools)
  const parent = join(home, 'tools')
  const folder = join(parent, `${recipe.index}-${shortHash([toolsLockText(runtime, recipe)])}`)
  if (existsSync(folder)) return folder
  progress(`${recipe.index}: downloading`)
  mkdirSync(parent, { recursive: true, mode: 0o755 })
  const draft = mkdtempSync(join(parent, '.new-'))
  try {
    await retried(recipe.index, progress, () =>
      runCommand(commandOf(recipe.index, lock, draft), {
        purpose: `Getting ${recipe.index} by ${lock}`,
        remedy: `Check that ${recipe.index} of this machine reaches its index.`,
        cwd: draft,
        contained: true,
      }),
    )
    await runCommand(['chmod', '-R', 'go+rX', draft], {
      purpose: 'Opening the tools to sandboxes',
      remedy: 'Check the data folder.',
    })
    renameSync(draft, folder)
  } finally {
    rmSync(draft, { recursive: true, force: true })
  }
  return folder
}

function commandOf(index: 'pip' | 'npm', lock: string, target: string): string[] {
  if (index === 'npm') {
    for (const name of ['package.json', 'package-lock.json']) {
      copyFileSync(join(dirname(lock), name), join(target, name))
    }
    return ['npm', 'ci', '--ignore-scripts', '--omit=dev', '--no-audit', '--no-fund']
  }
  return [
    ...['pip3', 'install', '--requirement', lock, '--require-hashes', '--no-deps', '--no-compile'],
    ...['--target', target, '--only-binary=:all:', '--ignore-requires-python', '--no-input'],
    ...['--retries=5', '--timeout=60', '--progress-bar=off', '--disable-pip-version-check'],
    '--root-user-action=ignore',
  ]
}
