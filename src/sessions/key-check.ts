import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { ManagerError } from '../errors.ts'
import { Seal, SealBroken } from './seal.ts'

/** Beside the sessions; no session has such a name. */
const CHECK = '.key'
const NAME = 'key'
const SETTING = 'EXECUTOR_MANAGER_SESSION_KEY'

/**
 * Returns the seal of the sessions in a folder, which is made when there is none. A file in it tells whether the key
 * is the one that they were encrypted with.
 * @param key of 32 bytes
 * @throws ManagerError CONFIG_INVALID when it is another one; nothing is changed then
 */
export function sealOf(folder: string, key: Buffer): Seal {
  const seal = new Seal(key)
  const file = path.join(folder, CHECK)
  if (existsSync(file)) {
    try {
      seal.open(NAME, readFileSync(file))
      return seal
    } catch (cause) {
      if (!(cause instanceof SealBroken)) throw cause
      const remedy = `Set the key that they were encrypted with, or remove that folder.`
      const why = `${SETTING} is not the key of the sessions in ${folder}. ${remedy}`
      throw new ManagerError('CONFIG_INVALID', why, { cause })
    }
  }
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  writeFileSync(`${file}.new`, seal.seal(NAME, Buffer.alloc(0)), { mode: 0o600 })
  renameSync(`${file}.new`, file)
  return seal
}

/**
 * Asserts that no encrypted sessions wait for a key.
 * @param folder that they would lie in
 * @throws ManagerError CONFIG_INVALID
 */
export function assertNoneSealed(folder: string): void {
  if (!existsSync(path.join(folder, CHECK))) return
  const why = `The sessions in ${folder} are encrypted, and there is no key: set ${SETTING}, or remove that folder.`
  throw new ManagerError('CONFIG_INVALID', why)
}
