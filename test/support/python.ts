import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
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

/** The headings of the Python client's README that are about a framework, and what each needs of PyPI. */
export const FRAMEWORKS: ReadonlyMap<string, readonly string[]> = new Map([
  ['LangChain', ['langchain-core>=0.3']],
  ['LlamaIndex', ['llama-index-core>=0.12']],
  ['smolagents', ['smolagents>=1.26']],
  ['AutoGen', ['autogen-core>=0.7', 'autogen-ext>=0.7']],
])

const CACHE = path.join(homedir(), '.cache/executor-manager')

/**
 * A Python environment with packages of PyPI, made once for all tests and kept in the user's cache folder.
 * @returns its interpreter; null where PyPI is not reached, with a word why
 */
export async function cachedPython(packages: readonly string[]): Promise<string | null> {
  const key = createHash('sha256').update(packages.join(' ')).digest('hex').slice(0, 16)
  const folder = path.join(CACHE, `python-${key}`)
  // A venv knows its own path, so it is made in its place, and the mark says that it is whole.
  const mark = path.join(folder, 'whole')
  if (existsSync(mark)) return path.join(folder, 'bin/python')
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(CACHE, { recursive: true })
  try {
    const python = await makePython(folder, packages)
    writeFileSync(mark, '')
    return python
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    const [said] = (error as Error).message.split('\n')
    console.warn(`skipped: pip cannot install ${packages.join(', ')}: ${said}`)
    return null
  }
}

/** @throws Error with what pip said */
export async function pip(python: string, words: readonly string[]): Promise<void> {
  await succeed(python, ['-m', 'pip', '--quiet', '--disable-pip-version-check', ...words])
}

async function succeed(program: string, words: readonly string[]): Promise<void> {
  const end = await runCommand(program, words)
  if (end.code !== 0) throw new Error(`${program} ${words.join(' ')}: ${end.stdout}${end.stderr}`)
}
