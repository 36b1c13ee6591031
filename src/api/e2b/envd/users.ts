import { posix } from 'node:path'
import type { FastifyRequest } from 'fastify'
import type { FileUser } from '../../../sessions/file-user.ts'
import { SESSION_HOME, SESSION_USER, type UserName } from '../../../sessions/user.ts'
import { ConnectError } from './connect/errors.ts'

/** A user of a sandbox, as E2B's clients name it. */
export interface SandboxUser {
  readonly name: UserName
  readonly home: string
  /** Files are made for this user, by root where there is one: see begunAs(). */
  readonly files: FileUser
}

const USERS: Readonly<Record<UserName, SandboxUser>> = {
  user: { name: 'user', home: SESSION_HOME, files: { ...SESSION_USER, byRoot: true } },
  root: { name: 'root', home: '/root', files: { uid: 0, gid: 0, byRoot: true } },
}
const NAMES = new Map(Object.values(USERS).map(({ name, files }) => [files.uid, name]))

/** Returns a user by name, that of the sandbox where none is said; null: there is no such user. */
export function userNamed(name: string | null | undefined): SandboxUser | null {
  return Object.hasOwn(USERS, name || 'user') ? USERS[(name || 'user') as UserName] : null
}

/** Returns the name of a user or a group by its number. */
export function nameOf(id: number): string {
  return NAMES.get(id) ?? String(id)
}

/**
 * Returns the user whom the header Authorization names: it is no credential.
 * @throws ConnectError unauthenticated
 */
export function userOf({ headers }: FastifyRequest): SandboxUser {
  const basic = /^Basic +([A-Za-z0-9+/=]{1,400}) *$/i.exec(headers.authorization ?? '')?.[1]
  const name = basic && Buffer.from(basic, 'base64').toString().split(':')[0]
  const user = userNamed(name)
  if (!user) throw new ConnectError('unauthenticated', `invalid username: '${name}'`)
  return user
}

/** Returns an absolute path without `..`: from the home of the user, where it is not. */
export function absolute(path: string, { home }: SandboxUser): string {
  const expanded = path === '~' || path.startsWith('~/') ? `${home}${path.slice(1)}` : path
  return posix.resolve(home, expanded)
}
