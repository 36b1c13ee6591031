import type { FastifyInstance } from 'fastify'
import type { SessionEvent } from '../../sessions/history.ts'
import type { Sessions } from '../../sessions/types.ts'
import { EventStream } from '../sse.ts'
import type { Keepers } from './call.ts'
import { noSession } from './session-call.ts'

type Params = { Params: { id: string } }

/** Adds `/v1/sessions/{id}/events`: the states that a session enters, as they come, until it is dead. */
export function addSessionEventsRoute(
  app: FastifyInstance,
  sessions: Sessions,
  { answers, connections }: Keepers,
): void {
  app.get<Params>('/v1/sessions/:id/events', (request, reply) => {
    const { caller, params, headers } = request
    const history = sessions.history(caller, params.id)
    if (!history) throw noSession(params.id)
    connections.work(request.raw.socket, null)
    const told = Number(headers['last-event-id'])
    const after = Number.isInteger(told) && told > 0 ? told : 0
    const stream = new EventStream(reply, caller, answers, after)
    stream.begin()
    let end = () => {}
    const tell = ({ state, why, atMs, dropsAtMs }: SessionEvent) => {
      const at = new Date(atMs).toISOString()
      const drops = dropsAtMs !== null && { drops_at: new Date(dropsAtMs).toISOString() }
      stream.send('state', JSON.stringify({ state, why, at, ...drops }))
      if (state === 'dead') setImmediate(() => end())
    }
    const stop = history.follow(after, tell)
    end = () => {
      stop()
      stream.close()
    }
    reply.raw.once('close', stop)
  })
}
