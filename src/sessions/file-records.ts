/** What a session's sandbox tells of a file. */
export interface FileEntry {
  /** From the folder that was listed; of one entry alone, as it was asked for. */
  readonly path: string
  readonly type: 'file' | 'folder' | 'link' | 'other'
  /** Octal, such as 644. */
  readonly mode: string
  readonly size: number
  readonly modifiedAt: Date
  readonly uid: number
  readonly gid: number
  /** Where a link leads. */
  readonly target: string | null
}

export interface DetailedEntry extends FileEntry {
  /** What a link leads to in the end; null: it leads nowhere, or is none. */
  readonly end: Pick<FileEntry, 'path' | 'type' | 'mode'> | null
  /** Extended attributes below `user.e2b.`, by their names without that. */
  readonly attributes: Readonly<Record<string, string>>
}

const TYPES = { f: 'file', d: 'folder', l: 'link', o: 'other' } as const

/** Reads the records of `session-files.c`. They come from hostile code: what is malformed is left out. */
export function entriesIn(said: string): FileEntry[] {
  const parts = said.split('\0')
  const entries: FileEntry[] = []
  for (let index = 0; index + 2 < parts.length; index += 3) {
    const entry = entryOf(parts, index)
    if (entry) entries.push(entry)
  }
  return entries
}

/** Reads records with details. What follows a malformed one is left out. */
export function detailedEntriesIn(said: string): DetailedEntry[] {
  const parts = said.split('\0')
  const entries: DetailedEntry[] = []
  for (let index = 0; index + 5 < parts.length; ) {
    const [facts = '', endPath = '', counted = ''] = parts.slice(index + 3, index + 6)
    const count = /^\d{1,3}$/.test(counted) ? Number(counted) : null
    const entry = entryOf(parts, index)
    if (entry === null || count === null || index + 6 + 2 * count > parts.length) break
    index += 6
    const attributes: [string, string][] = []
    for (let left = count; left > 0; left--, index += 2) {
      attributes.push([parts[index] ?? '', parts[index + 1] ?? ''])
    }
    const match = /^([fdlo]) ([0-7]{1,4})$/.exec(facts)
    const [, type = 'o', mode = ''] = match ?? []
    const end = match && { path: endPath, type: TYPES[type as keyof typeof TYPES], mode }
    entries.push({ ...entry, end, attributes: Object.fromEntries(attributes) })
  }
  return entries
}

function entryOf(parts: readonly string[], index: number): FileEntry | null {
  const [facts = '', path = '', target = ''] = parts.slice(index, index + 3)
  const match = /^([fdlo]) ([0-7]{1,4}) (\d{1,15}) (\d{1,16})\d{3} (\d{1,10}) (\d{1,10})$/.exec(
    facts,
  )
  if (!match) return null
  const [, type = 'o', mode = '', size = '', microseconds = '', uid = '', gid = ''] = match
  return {
    path,
    type: TYPES[type as keyof typeof TYPES],
    mode,
    size: Number(size),
    modifiedAt: new Date(Math.min(Number(microseconds) / 1000, 8.64e15)),
    uid: Number(uid),
    gid: Number(gid),
    target: target === '' ? null : target,
  }
}
