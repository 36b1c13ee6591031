import { ManagerError } from '../errors.ts'
import { isPlainPath } from '../lib/plain-path.ts'
import type { InputFile, RunMode, RunRequest } from '../run/types.ts'

/** Files that a run may be given; of the working directory the first 4096 names are looked at. */
const MAX_FILES = 1000
/** The most bytes of each part of a path (NAME_MAX of Linux). */
const MAX_PART_BYTES = 255
/** A file takes a multiple of this much memory. */
const PAGE_BYTES = 4096
/** The part of the working directory that is kept for the source and for folders. */
const RESERVED_BYTES = 1024 ** 2
/** The most bytes of environment and arguments together: each child of the program gets them. */
const MAX_SETTING_BYTES = 64 * 1024
const MAX_GLOBS = 32
const MAX_GLOB_BYTES = 1024

const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/

/** The parts of a template that decide whether a request can be run. */
export interface InputRules {
  readonly modes: readonly RunMode[]
  readonly ownFiles: readonly string[]
  readonly limits: { readonly workspaceBytes: number }
}

/**
 * Checks what a program is run with: mode, files, environment, arguments, globs. The supervisor checks paths
 * again where it makes the files.
 * @throws ManagerError REQUEST_INVALID that names the member
 */
export function checkInput({ program, env, files, collect }: RunRequest, rules: InputRules): void {
  if (!rules.modes.includes(program.mode)) {
    throw invalid('mode', `cannot be ${program.mode} here, but ${rules.modes.join(' or ')}`)
  }
  checkFiles(files, rules)
  let bytes = 0
  for (const [name, value] of Object.entries(env)) {
    const field = `env.${name.slice(0, 100)}`
    if (!VARIABLE.test(name)) {
      throw invalid(field, 'has a name that is not letters, digits and underscores')
    }
    if (value.includes('\0')) throw invalid(field, 'has a NUL character')
    bytes += Buffer.byteLength(name) + Buffer.byteLength(value) + 2
  }
  for (const [index, argument] of program.argv.entries()) {
    if (argument.includes('\0')) throw invalid(`argv.${index}`, 'has a NUL character')
    bytes += Buffer.byteLength(argument) + 1
  }
  if (bytes > MAX_SETTING_BYTES) {
    const field = program.argv.length > 0 ? 'argv' : 'env'
    throw invalid(
      field,
      `is too long: environment and arguments may have ${MAX_SETTING_BYTES} bytes`,
    )
  }
  checkGlobs(collect ?? [])
}

function checkFiles(files: readonly InputFile[], { ownFiles, limits }: InputRules): void {
  if (files.length > MAX_FILES) throw invalid('files', `may be ${MAX_FILES} at most`)
  const paths = new Set<string>()
  const folders = new Set<string>()
  let bytes = 0
  for (const [index, { path, content }] of files.entries()) {
    const field = `files.${index}.path`
    if (!isStorable(path)) throw invalid(field, 'is not a relative path of plain names')
    if (ownFiles.includes(path)) throw invalid(field, 'is the place of what the service puts there')
    if (paths.has(path)) throw invalid(field, 'is there twice')
    paths.add(path)
    for (let end = path.indexOf('/'); end > 0; end = path.indexOf('/', end + 1)) {
      folders.add(path.slice(0, end))
    }
    bytes += PAGE_BYTES * Math.max(1, Math.ceil(content.length / PAGE_BYTES))
  }
  for (const folder of folders) {
    // `artifacts` is a folder already.
    const isFile = paths.has(folder) || (folder !== 'artifacts' && ownFiles.includes(folder))
    if (isFile) throw invalid('files', `have ${folder} as a file and as a folder`)
  }
  const most = limits.workspaceBytes - RESERVED_BYTES
  if (bytes > most) throw invalid('files', `may take ${most} bytes, in pages of ${PAGE_BYTES}`)
}

function isStorable(path: string): boolean {
  const fits = (part: string) => Buffer.byteLength(part) <= MAX_PART_BYTES
  return isPlainPath(path) && path.split('/').every(fits)
}

function checkGlobs(globs: readonly string[]): void {
  if (globs.length > MAX_GLOBS) throw invalid('collect', `may be ${MAX_GLOBS} globs at most`)
  for (const [index, glob] of globs.entries()) {
    const isGlob = glob !== '' && !glob.includes('\0') && Buffer.byteLength(glob) <= MAX_GLOB_BYTES
    if (!isGlob) throw invalid(`collect.${index}`, 'is not a glob')
  }
}

/** @param field names and indexes, with dots between */
function invalid(field: string, why: string): ManagerError {
  const shown = field.replace(/\.(\d+)/g, '[$1]')
  return new ManagerError('REQUEST_INVALID', `${shown} ${why}.`, { field })
}
