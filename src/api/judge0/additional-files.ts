import { isPlainPath } from '../../lib/plain-path.ts'
import { unzip, ZipError, zipEntries } from '../../lib/zip.ts'
import type { InputFile } from '../../run/types.ts'
import type { Entry } from '../accounts.ts'
import { overBudget } from '../uploads.ts'
import { clash } from '../v1/read-run.ts'
import { MAX_FILES } from '../v1/request-schema.ts'

/** What the files of an archive may have together, as `max_extract_size` of Judge0. */
export const MAX_EXTRACT_KB = 10_240

/**
 * Unpacks the additional files of a submission: they lie beside its program.
 * @param zip an archive
 * @param held the caller's account; what is unpacked is on it before it is unpacked
 * @returns the files, or what is wrong with the archive
 * @throws Refused when too much is held for the caller
 */
export async function unpack(zip: Buffer, held: Entry): Promise<InputFile[] | { wrong: string }> {
  try {
    const entries = zipEntries(zip, { files: MAX_FILES, bytes: MAX_EXTRACT_KB * 1024 })
    const bytes = entries.reduce((sum, { size }) => sum + size, 0)
    if (!held.add(bytes)) throw overBudget()
    const files: InputFile[] = []
    for (const entry of entries) {
      const { path } = entry
      if (!isPlainPath(path)) return { wrong: 'has a file whose name is no plain relative path' }
      if (clash(files, path) !== null) return { wrong: 'has two files of one name' }
      files.push({ path, content: await unzip(zip, entry) })
    }
    return files
  } catch (error) {
    if (error instanceof ZipError) return { wrong: error.message }
    throw error
  }
}
