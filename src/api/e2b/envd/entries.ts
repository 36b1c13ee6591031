import { posix } from 'node:path'
import type { DetailedEntry } from '../../../sessions/file-records.ts'
import { nameOf } from './users.ts'

const TYPES = { file: 'FILE_TYPE_FILE', folder: 'FILE_TYPE_DIRECTORY' } as const
/** What a folder is said to take; the kernel of a sandbox may say nothing. */
const FOLDER_BYTES = 4096

/**
 * Returns an entry of a file system as E2B's `filesystem.proto` has it. A link has the type and the mode of what it
 * leads to.
 * @param path absolute
 */
export function entryInfo(entry: DetailedEntry, path: string): object {
  const { type, mode, size, modifiedAt, uid, gid, end, attributes } = entry
  const shown = type === 'link' ? end : entry
  return {
    name: posix.basename(path) || '/',
    type: TYPES[shown?.type as keyof typeof TYPES] ?? 'FILE_TYPE_UNSPECIFIED',
    path,
    size: String(type === 'folder' ? size || FOLDER_BYTES : size),
    mode: Number.parseInt(shown?.mode ?? '0', 8) & 0o777,
    permissions: permissionsOf(type, Number.parseInt(mode, 8)),
    owner: nameOf(uid),
    group: nameOf(gid),
    modifiedTime: modifiedAt.toISOString(),
    ...(end && { symlinkTarget: end.path }),
    ...(Object.keys(attributes).length > 0 && { metadata: attributes }),
  }
}

/** Compares paths as a walk through the folders meets them: a folder before what is in it, and that before the next. */
export function byWalk(one: string, other: string): number {
  const [a, b] = [one, other].map((path) => path.replaceAll('/', '\0')) as [string, string]
  return a < b ? -1 : a > b ? 1 : 0
}

const KINDS = { folder: 'd', link: 'L', other: '?', file: '' } as const

/** In the words of Go's io/fs.FileMode, which E2B's clients know. */
function permissionsOf(type: DetailedEntry['type'], mode: number): string {
  const special = `${mode & 0o4000 ? 'u' : ''}${mode & 0o2000 ? 'g' : ''}${mode & 0o1000 ? 't' : ''}`
  const bits = [...'rwxrwxrwx'].map((letter, at) => (mode & (0o400 >> at) ? letter : '-')).join('')
  return `${`${KINDS[type]}${special}` || '-'}${bits}`
}
