import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type CommandOptions, type Ended, runCommand } from './command-line.ts'

/** A package in a folder of its own. */
export interface NpmPackage {
  /** Runs a program of the package to its end. @param program from the folder, such as `node_modules/.bin/x` */
  run(program: string, words: readonly string[], options?: CommandOptions): Promise<Ended>
  /** Runs a module that may import the package. */
  runModule(source: string, options?: CommandOptions): Promise<Ended>
}

/**
 * Installs a package as its registry has it. No script of a package is run.
 * @param atEnd has it removed
 * @param before a date: what it depends on is taken as it was then. null: the newest that it allows
 * @throws Error with what npm said
 */
export async function npmPackage(
  name: string,
  atEnd: (work: () => Promise<void>) => void,
  before: string | null = null,
): Promise<NpmPackage> {
  const folder = mkdtempSync(path.join(tmpdir(), 'npm-package-'))
  atEnd(async () => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(path.join(folder, 'package.json'), '{"private": true}')
  const dated = before === null ? [] : ['--before', before]
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  const end = await runCommand('npm', ['install', ...quiet, ...dated, name], { cwd: folder })
  if (end.code !== 0) throw new Error(`npm install ${name}: ${end.stdout}${end.stderr}`)
  const run: NpmPackage['run'] = (program, words, options = {}) =>
    runCommand(process.execPath, [path.join(folder, program), ...words], options)
  return {
    run,
    runModule: (source, options) => {
      writeFileSync(path.join(folder, 'main.mjs'), source)
      return run('main.mjs', [], options)
    },
  }
}
