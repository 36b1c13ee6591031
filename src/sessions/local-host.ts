import type { DiskAccounts } from './disk.ts'
import { CheckpointRefused, type KeptSandboxes, type SandboxTemplates } from './engine.ts'
import type { SessionHost } from './host.ts'
import { assertFree, readImage, writeImage } from './images.ts'
import type { Residence } from './residence.ts'
import type { Shelf } from './shelf.ts'
import type { SessionInfo, SessionRecord } from './types.ts'

/** Callbacks. They must not throw. */
export interface SessionEvents {
  changed(info: SessionInfo, why: string, caller: string): void
  /** A session could not be written to disk: it goes on in memory, or has ended by that. */
  notWritten(info: SessionInfo, error: Error): void
}

/** Returns what a session stands on: sandboxes of its template, places in memory, and the disk. */
export function hostOf(
  templates: SandboxTemplates,
  shelf: Shelf,
  memory: Residence,
  events: SessionEvents,
  {
    saveEveryMs,
    disk,
  }: { readonly saveEveryMs: number | null; readonly disk?: DiskAccounts | null },
): SessionHost {
  const sandboxesOf = ({ key, isOffline }: SessionRecord) => {
    const sandboxes = templates.ofKey(key) as KeptSandboxes
    return isOffline ? sandboxes.offline : sandboxes
  }
  const refusing = <T>(work: () => T): T => {
    try {
      return work()
    } catch (error) {
      throw new CheckpointRefused((error as Error).message, { cause: error })
    }
  }
  return {
    create: ({ record }) => {
      const { caller, limits } = record
      const sandboxes = sandboxesOf(record)
      const { memoryBytes } = limits
      return memory.make({ caller, memoryBytes }, () => sandboxes.create(true, limits))
    },
    restore: ({ record }, { incarnation, image }, channels) => {
      const folder = shelf.image(record.id, incarnation)
      const { baseBytes, caller, limits } = record
      const sandboxes = sandboxesOf(record)
      const { memoryBytes } = limits
      const restore = () =>
        readImage(shelf.sealing, folder, image, (plain) =>
          sandboxes.restore(plain, channels, baseBytes, limits),
        )
      return memory.make({ caller, memoryBytes }, restore)
    },
    checkpoint: async (session, sandbox) => {
      const { id, incarnation, caller } = session.record
      // An image holds what was written to, and some of the sandbox's memory is caches of the host.
      const most = sandbox.use().memoryBytes
      const endPlan = refusing(() => disk?.plan(id, caller, most))
      try {
        const folder = refusing(() => shelf.draft(id, incarnation))
        if (shelf.sealing) refusing(() => assertFree(folder, most))
        const image = await writeImage(shelf.sealing, folder, async (plain) => {
          await sandbox.checkpoint(plain)
          shelf.writeState(plain, session.kept())
        })
        return { incarnation, atMs: Date.now(), bytes: shelf.bytesOf(folder), image }
      } catch (error) {
        shelf.discard(id, incarnation)
        throw error
      } finally {
        endPlan?.()
      }
    },
    stateOf: ({ record }, checkpoint) => shelf.readState(record.id, checkpoint),
    put: (session, isAwake) => shelf.put(session.shelved(isAwake)),
    release: (sandbox) => memory.release(sandbox),
    forget: async ({ record }) => shelf.remove(record.id),
    changed: (session, why) => events.changed(session.info(), why, session.record.caller),
    notWritten: (session, error) => events.notWritten(session.info(), error),
    saveEveryMs: () => saveEveryMs,
  }
}
