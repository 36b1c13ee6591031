import { posix } from 'node:path'
import type { FoundFile, KeptFiles } from '../../jobs/kept-files.ts'
import { isId, newId } from './ids.ts'

/** LibreChat sends a file again when it is 23 h old. */
export const KEPT_MS = 24 * 60 * 60_000

/** The caller that asks for files. */
export interface FileUser {
  readonly caller: string
  readonly shared: string | null
}

/**
 * Returns whose a file is. What LibreChat puts there for an agent or a skill is for all users of its installation.
 * @param kind `user`, `agent` or `skill`
 */
export function ownerOf({ caller, shared }: FileUser, kind: unknown): string {
  return (kind === 'agent' || kind === 'skill') && shared !== null ? shared : caller
}

/** A file of a storage session. */
export interface SessionFile {
  readonly id: string
  /** With its folders, from the working directory. */
  readonly name: string
  readonly session: string
  readonly size: number
  readonly mediaType: string
  readonly modifiedMs: number
  readonly isReadOnly: boolean
}

/**
 * The files of LibreChat's storage sessions, in the store, each known to its owner only. The name in the
 * store holds id, mode and name: `ID:r:NAME`, `ID:w:NAME`.
 */
export class SessionFiles {
  readonly #kept: KeptFiles

  constructor(kept: KeptFiles) {
    this.#kept = kept
  }

  /** @throws ManagerError HELD_TOO_MUCH, STORE_FAILED */
  async add(
    owner: string,
    session: string,
    { name, mediaType, content, isReadOnly = false }: NewFile,
  ): Promise<SessionFile> {
    const id = newId()
    const stored = `${id}:${isReadOnly ? 'r' : 'w'}:${name}`
    const info = await this.#kept.put(owner, session, stored, content, {
      mediaType,
      keepMs: KEPT_MS,
    })
    return fileOf(session, { ...info, name: stored })
  }

  async list(owner: string, session: string): Promise<SessionFile[]> {
    if (!isId(session)) return []
    const infos = await this.#kept.list(owner, session)
    return infos.map((info) => fileOf(session, info))
  }

  /** @returns null: it is not there (any more), or is another owner's */
  async find(owner: string, session: string, id: string): Promise<SessionFile | null> {
    const files = await this.list(owner, session)
    return files.find((file) => file.id === id) ?? null
  }

  open(owner: string, file: SessionFile): Promise<FoundFile | null> {
    return this.#kept.get(owner, file.session, storedName(file))
  }

  remove(owner: string, file: SessionFile): Promise<boolean> {
    return this.#kept.remove(owner, file.session, storedName(file))
  }
}

export interface NewFile {
  readonly name: string
  readonly mediaType: string
  readonly content: Uint8Array
  readonly isReadOnly?: boolean
}

interface Stored {
  readonly name: string
  readonly mediaType: string | null
  readonly size: number
  readonly createdMs: number
}

function fileOf(session: string, { name, mediaType, size, createdMs }: Stored): SessionFile {
  const [id = '', mode, ...rest] = name.split(':')
  return {
    id,
    name: rest.join(':'),
    session,
    size,
    mediaType: mediaType ?? 'application/octet-stream',
    modifiedMs: createdMs,
    isReadOnly: mode === 'r',
  }
}

function storedName({ id, name, isReadOnly }: SessionFile): string {
  return `${id}:${isReadOnly ? 'r' : 'w'}:${name}`
}

/** The levels of detail in which a session is listed. */
export const LISTINGS: Readonly<Record<string, (file: SessionFile) => unknown>> = {
  simple: ({ name }) => name,
  summary: summaryOf,
  full: (file) => ({
    ...summaryOf(file),
    metadata: { 'content-type': file.mediaType, 'original-filename': file.name },
  }),
  normalized: (file) => ({
    id: file.id,
    name: file.name,
    storage_session_id: file.session,
    session_id: file.session,
    size: file.size,
    contentType: file.mediaType,
    lastModified: timeOf(file),
    ...(file.isReadOnly ? { read_only: true } : {}),
  }),
}

function summaryOf(file: SessionFile) {
  // Old clients look for names that begin with SESSION/ID.
  const name = `${file.session}/${file.id}${posix.extname(file.name)}`
  return { name, size: file.size, lastModified: timeOf(file), etag: file.id }
}

/** Returns what is told of one file. */
export function objectOf(file: SessionFile) {
  return {
    name: `${file.session}/${file.id}`,
    originalFilename: file.name,
    size: file.size,
    lastModified: timeOf(file),
    etag: file.id,
    contentType: file.mediaType,
    readOnly: file.isReadOnly,
  }
}

function timeOf({ modifiedMs }: SessionFile): string {
  return new Date(modifiedMs).toISOString()
}
