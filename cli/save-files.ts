import { closeSync, constants, mkdirSync, openSync, realpathSync, writeFileSync } from 'node:fs'
import { basename, isAbsolute, join, relative, sep } from 'node:path'
import { fileBytes, type OutputFile } from '../clients/typescript/src/index.ts'
import { EXIT, Failure } from './failure.ts'

const { O_WRONLY, O_CREAT, O_TRUNC, O_NOFOLLOW } = constants

/**
 * Writes the files that a program left into a folder, which is made. Their names come from the program: none
 * leads out of the folder, also not by a link that is in it.
 * @returns their paths
 * @throws Failure
 */
export function saveFiles(files: readonly OutputFile[], folder: string): string[] {
  return files.map((file) => {
    try {
      const parent = makeFolders(folder, file.path.split('/').slice(0, -1))
      const path = join(parent, basename(file.path))
      const descriptor = openSync(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o666)
      try {
        writeFileSync(descriptor, fileBytes(file))
      } finally {
        closeSync(descriptor)
      }
      return path
    } catch (error) {
      throw new Failure(`${file.path} is not written: ${(error as Error).message}`, EXIT.service)
    }
  })
}

/** One after the other: all at once would make folders behind a link. */
function makeFolders(folder: string, parts: readonly string[]): string {
  mkdirSync(folder, { recursive: true })
  const root = realpathSync(folder)
  let at = folder
  for (const part of parts) {
    at = join(at, part)
    mkdirSync(at, { recursive: true })
    const inside = relative(root, realpathSync(at))
    if (inside.split(sep)[0] === '..' || isAbsolute(inside)) {
      throw new Error('it would be outside of the folder')
    }
  }
  return at
}
