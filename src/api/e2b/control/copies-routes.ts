import type { FastifyInstance } from 'fastify'
import type { SessionInfo, Sessions } from '../../../sessions/types.ts'
import { Refused } from '../../refused.ts'
import type { E2bContext } from '../context.ts'
import { send } from '../failures.ts'
import { sandboxIdOf, sessionIdOf } from '../ids.ts'
import { DOOR, newTokens, type SandboxNote, type SnapshotNote, snapshotNoteOf } from '../note.ts'
import { goneOf } from '../sandbox-call.ts'
import { toldAccess } from './present.ts'
import { readBody } from './read.ts'
import { sandboxOfPath } from './sandboxes-routes.ts'
import { DEFAULT_TIMEOUT_S, forkRequest, snapshotRequest } from './schema.ts'
import { snapshotOf, toldSnapshot } from './templates.ts'

const RATED = { config: { rateLimit: {} } }
type Query = { readonly sandboxID?: string; readonly name?: string }

/** Adds forks of sandboxes, and snapshots, which sandboxes can be made from. */
export function addCopiesRoutes(app: FastifyInstance, context: E2bContext): void {
  const { sessions, domain } = context
  app.post('/sandboxes/:id/fork', RATED, async (request, reply) => {
    const { timeout = DEFAULT_TIMEOUT_S, count = 1 } = readBody(request, forkRequest)
    const { caller } = request
    const { info, note } = sandboxOfPath(context, request)
    const copies = await sessions.fork(caller, info.id, count).catch((error: Error) => {
      throw goneOf(error, sandboxIdOf(info.id))
    })
    const forks = (copies ?? []).map((copy) => {
      const made = forkOf(sessions, caller, copy, note, timeout)
      return { sandbox: toldAccess(made, domain) }
    })
    return send(reply, 201, forks)
  })
  app.post('/sandboxes/:id/snapshots', RATED, async (request, reply) => {
    const { name } = readBody(request, snapshotRequest)
    const { info } = sandboxOfPath(context, request)
    const plain = name?.replace(/:default$/, '')
    const note: SnapshotNote = { door: DOOR, sessionId: info.id, name: plain }
    const taken = sessions.snapshot(request.caller, info.id, note)
    const made = await taken.catch((error: Error) => {
      throw goneOf(error, sandboxIdOf(info.id))
    })
    if (!made) throw new Refused(404, `sandbox "${sandboxIdOf(info.id)}" not found`)
    return send(reply, 201, toldSnapshot(made))
  })
  app.get('/snapshots', async ({ caller, query }, reply) => {
    const { sandboxID, name } = query as Query
    const sessionId = sandboxID === undefined ? null : sessionIdOf(sandboxID)
    const all = sessions.snapshots(caller).filter((snapshot) => {
      const note = snapshotNoteOf(snapshot)
      const isOfSandbox = sandboxID === undefined || note?.sessionId === sessionId
      return note && isOfSandbox && (name === undefined || note.name === name)
    })
    // There are few enough of one caller for one page.
    return send(reply, 200, all.map(toldSnapshot))
  })
  app.delete('/templates/:id', async ({ caller, params }, reply) => {
    const { id } = params as { id: string }
    const snapshot = snapshotOf(sessions, caller, id)
    if (!snapshot || !sessions.removeSnapshot(caller, snapshot.id)) {
      throw new Refused(404, `template '${id.slice(0, 100)}' not found`)
    }
    return reply.code(204).send()
  })
}

/** A copy has tokens and a time of its own. */
function forkOf(
  sessions: Sessions,
  caller: string,
  copy: SessionInfo,
  source: SandboxNote,
  timeoutS: number,
) {
  const { idempotency: _, ...rest } = source
  const note: SandboxNote = { ...rest, ...newTokens() }
  sessions.change(caller, copy.id, { note })
  const info = sessions.setTtl(caller, copy.id, timeoutS * 1000) ?? copy
  return { info, note }
}
