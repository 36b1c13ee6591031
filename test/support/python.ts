import path from 'node:path'
import { runCommand } from './command-line.ts'

/**
 * Makes a Python environment of its own and installs packages in it.
 * @param base interpreter that it is made with
 * @returns its interpreter
 * @throws Error with what pip said
 */
export async function makePython(
  folder: string,
  packages: readonly string[],
  base = 'python3',
): Promise<string> {
  const python = path.join(folder, 'bin/python')
  await succeed(base, ['-m', 'venv', folder])
  await pip(python, ['install', ...packages])
  return python
}

/** @throws Error with what pip said */
export async function pip(python: string, words: readonly string[]): Promise<void> {
  await succeed(python, ['-m', 'pip', '--quiet', '--disable-pip-version-check', ...words])
}

async function succeed(program: string, words: readonly string[]): Promise<void> {
  const end = await runCommand(program, words)
  if (end.code !== 0) throw new Error(`${program} ${words.join(' ')}: ${end.stdout}${end.stderr}`)
}
