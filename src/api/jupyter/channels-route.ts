import { randomUUID } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { Refused } from '../refused.ts'
import { Channel } from './channel.ts'
import { idIn, type JupyterDoor, type JupyterOptions, kernelIn, specNamed } from './door.ts'
import { oneRunAnswers } from './one-run-answers.ts'

/** Adds the WebSocket of a kernel's channels. It needs `@fastify/websocket`. */
export function addChannelsRoute(
  app: FastifyInstance,
  at: string,
  door: JupyterDoor,
  options: JupyterOptions,
): void {
  app.route({
    method: 'GET',
    url: `${at}/kernels/:id/channels`,
    config: { hasQueryKey: true },
    // Refused before the upgrade, as an answer of HTTP.
    preHandler: async (request) => void kernelIn(door, request),
    handler: async () => {
      throw new Refused(400, 'Can "Upgrade" only to "WebSocket".')
    },
    wsHandler: (webSocket, request) => {
      const { caller, raw, log } = request
      const id = idIn(request)
      // Between the check and this another request may have deleted it.
      const owned = door.oneRun.get(caller, id)
      const kept = door.kept?.get(caller, id) ?? null
      options.connections.work(raw.socket, null)
      const { session_id: session } = request.query as { session_id?: unknown }
      const kernel =
        kept?.kernel ??
        (owned && oneRunAnswers(owned, specNamed(door.specs, owned.kernel.name).info))
      if (!kernel) return webSocket.close()
      new Channel(webSocket, raw.socket, typeof session === 'string' ? session : null, {
        caller,
        kernel,
        session: kept?.kernel.session ?? randomUUID(),
        answers: options.answers,
        uploads: options.frames,
        parsing: options.parsing,
        onUse: () => owned && door.oneRun.touch(owned),
        onFault: (err) => log.error({ err }, 'kernel failed'),
      })
    },
  })
}
