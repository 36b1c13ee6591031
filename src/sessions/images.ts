import { randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, readdirSync, rmSync, statfsSync } from 'node:fs'
import path from 'node:path'
import type { Seal } from './seal.ts'

/** What images are encrypted with. */
export interface Sealing {
  readonly seal: Seal
  /** In memory, and the manager's alone: runsc, which does not encrypt, writes and reads images here. */
  readonly workFolder: string
}

/** Names a file of an image in its seal. @param image unique, and the same in all copies */
export function sealNameOf(image: string, file: string): string {
  return `image:${image}:${file}`
}

/**
 * Has an image written to a folder on disk, encrypted where there is a key. What fails leaves files there.
 * @param folder empty
 * @param write writes it, in plain, into the empty folder that it is given
 * @returns what the image is called in its seals; null: it is not encrypted
 */
export async function writeImage(
  sealing: Sealing | null,
  folder: string,
  write: (folder: string) => Promise<void>,
): Promise<string | null> {
  if (!sealing) {
    await write(folder)
    // runsc makes them for everybody to read, though nobody else can enter the folder.
    for (const file of readdirSync(folder)) chmodSync(path.join(folder, file), 0o600)
    return null
  }
  const image = randomBytes(16).toString('hex')
  await inMemory(sealing, async (work) => {
    await write(work)
    for (const file of readdirSync(work)) {
      const [from, to] = [path.join(work, file), path.join(folder, file)]
      await sealing.seal.sealFile(sealNameOf(image, file), from, to)
    }
  })
  return image
}

/**
 * Has an image read from its folder on disk.
 * @param image what writeImage() returned
 * @param read reads it, in plain, from the folder that it is given, which is gone afterwards
 * @throws SealBroken, and what read() throws
 */
export async function readImage<T>(
  sealing: Sealing | null,
  folder: string,
  image: string | null,
  read: (folder: string) => Promise<T>,
): Promise<T> {
  if (!sealing || image === null) return read(folder)
  return inMemory(sealing, async (work) => {
    for (const file of readdirSync(folder)) {
      const [from, to] = [path.join(folder, file), path.join(work, file)]
      await sealing.seal.openFile(sealNameOf(image, file), from, to)
    }
    return read(work)
  })
}

/**
 * Asserts that the disk has so much free. A sandbox ends when its image is in memory: by then the image must find
 * room on the disk.
 * @throws Error
 */
export function assertFree(folder: string, bytes: number): void {
  const { bavail, bsize } = statfsSync(folder)
  if (bavail * bsize < bytes) throw new Error('the disk has no room for the image of a session')
}

async function inMemory<T>(
  { workFolder }: Sealing,
  work: (folder: string) => Promise<T>,
): Promise<T> {
  const folder = path.join(workFolder, randomBytes(8).toString('hex'))
  mkdirSync(folder, { mode: 0o700 })
  try {
    return await work(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
