import type { SessionRequest, Sessions } from '../../../sessions/types.ts'
import { Refused } from '../../refused.ts'
import { sandboxIdOf, sessionIdOf } from '../ids.ts'
import { snapshotNoteOf } from '../note.ts'

/** E2B's own templates, as its clients name them. Here they are the template of sessions that name none. */
const OF_E2B: readonly string[] = ['base', 'code-interpreter', 'code-interpreter-v1']

/** What a sandbox is made from. */
export type Source = Pick<SessionRequest, 'template' | 'snapshot'> & {
  /** The name without its tag; undefined: it has none. */
  readonly alias: string | undefined
  /** Whether the sandbox that it is a snapshot of had no network; null: it is a template. */
  readonly wasOffline: boolean | null
}

/**
 * Finds what a sandbox is made from: a template, or a snapshot of the caller by its id or name.
 * @param templateId of a client: a name or an id, which may have a tag behind a colon
 * @returns null: there is none
 */
export function sourceOf(sessions: Sessions, caller: string, templateId: string): Source | null {
  const name = templateId.replace(/:[\w.-]*$/, '')
  if (OF_E2B.includes(name))
    return { template: sessions.defaultTemplate(), alias: name, wasOffline: null }
  if (sessions.templateNames().includes(name))
    return { template: name, alias: name, wasOffline: null }
  const snapshot = snapshotOf(sessions, caller, templateId)
  if (!snapshot) return null
  const alias = snapshotNoteOf(snapshot)?.name
  return { template: '', snapshot: snapshot.id, alias, wasOffline: snapshot.isOffline ?? false }
}

/** Returns the names of the templates that there are for clients. */
export function templateNames(sessions: Sessions): string[] {
  return [...OF_E2B, ...sessions.templateNames()]
}

/** Finds a snapshot of a caller by its id, or the newest of a name; null: there is none. */
export function snapshotOf(sessions: Sessions, caller: string, idOrName: string) {
  const all = sessions.snapshots(caller).sort((one, other) => other.createdAtMs - one.createdAtMs)
  const name = idOrName.replace(/:default$/, '')
  const id = sessionIdOf(name)
  const isIt = (snapshot: (typeof all)[number]) =>
    id === null ? snapshotNoteOf(snapshot)?.name === name : snapshot.id === id
  return all.find((snapshot) => snapshotNoteOf(snapshot) && isIt(snapshot)) ?? null
}

/** Tells of a snapshot. */
export function toldSnapshot(snapshot: NonNullable<ReturnType<typeof snapshotOf>>) {
  const name = snapshotNoteOf(snapshot)?.name
  const names = name === undefined ? [] : [`${name}:default`]
  return { snapshotID: `${sandboxIdOf(snapshot.id)}:default`, names }
}

/** Returns the refusal of a template that is not there. */
export function noTemplate(templateId: string): Refused {
  return new Refused(404, `template '${templateId.slice(0, 100)}' not found`)
}
