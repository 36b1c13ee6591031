import { z } from 'zod'
import { session, time } from './session-schema.ts'

export const forkRequest = z
  .strictObject({ count: z.int().min(1).max(16).default(1).describe('How many copies.') })
  .meta({ id: 'SessionFork' })

export const snapshot = z
  .strictObject({
    id: z.string(),
    template: z.string().describe('Of the session.'),
    created_at: time,
    bytes: z.int().describe('On disk.'),
    metadata: z.record(z.string(), z.string()).describe('Of the session.'),
  })
  .meta({ id: 'Snapshot' })

export const snapshotList = z
  .strictObject({ snapshots: z.array(snapshot) })
  .meta({ id: 'SnapshotList' })

export const forked = z.strictObject({ sessions: z.array(session) }).meta({ id: 'ForkedSessions' })

export type SnapshotAnswer = z.infer<typeof snapshot>
