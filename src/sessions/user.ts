export type { Program } from '../supervisor/session-protocol.ts'

/** The user that owns the home of a session and runs its programs. */
export const SESSION_USER = { uid: 1000, gid: 1000, name: 'user' }
export const SESSION_HOME = '/home/user'

/** The environment of every process of a session, below what the caller sets. */
export const SESSION_ENV: Readonly<Record<string, string>> = {
  PATH: `${SESSION_HOME}/.local/bin:/usr/local/bin:/usr/bin:/bin`,
  HOME: SESSION_HOME,
  USER: SESSION_USER.name,
  LANG: 'C.UTF-8',
}

/** Whose process it is: the user of the session, or root where its template has one. */
export type UserName = 'user' | 'root'

/**
 * Returns a program of a session as its sandbox starts it.
 * @param cwd from the home, unless it is absolute
 * @param env beside those that every process of a session has
 */
export function programOf(
  argv: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>>,
  user: UserName = 'user',
) {
  return {
    argv,
    cwd: cwd.startsWith('/') ? cwd : `${SESSION_HOME}/${cwd}`,
    env: { ...SESSION_ENV, ...(user === 'root' && { HOME: '/root', USER: 'root' }), ...env },
    user: user === 'root' ? { uid: 0, gid: 0 } : SESSION_USER,
  }
}
