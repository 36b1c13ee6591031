/** Who owns the home of a session, and runs what it is told to run. */
export const SESSION_USER = { uid: 1000, gid: 1000, name: 'user' }
export const SESSION_HOME = '/home/user'

/** The environment of every process of a session, below what the caller sets. */
export const SESSION_ENV: Readonly<Record<string, string>> = {
  PATH: `${SESSION_HOME}/.local/bin:/usr/local/bin:/usr/bin:/bin`,
  HOME: SESSION_HOME,
  USER: SESSION_USER.name,
  LANG: 'C.UTF-8',
}
