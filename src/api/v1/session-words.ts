import type { FileEntry } from '../../sessions/file-records.ts'
import type { FileEntryAnswer } from './session-schema.ts'

/** Returns an entry of a folder in the words of the native API. */
export function toldEntry(entry: FileEntry): FileEntryAnswer {
  const { path, type, mode, size, modifiedAt, target } = entry
  return { path, type, mode, size, modified_at: modifiedAt.toISOString(), target }
}
