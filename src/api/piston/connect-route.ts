import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Sessions } from '../../sessions/types.ts'
import type { Budget } from '../accounts.ts'
import { answerTo } from '../one-run.ts'
import { Refused } from '../refused.ts'
import { refusalOf } from '../session-work.ts'
import type { Keepers } from '../v1/call.ts'
import { Problem } from '../v1/problems.ts'
import type { NativeService } from '../v1/service.ts'
import { Conversation } from './conversation.ts'

/** What programs that are talked to stand on. */
export interface ConnectOptions
  extends Pick<Keepers, 'answers' | 'connections'>,
    Pick<NativeService, 'templates'> {
  readonly sessions: Sessions
  /** Frames on their way in. */
  readonly frames: Budget
}

/**
 * Adds `/connect`: a WebSocket to one program, whose input and output go over it. It needs `@fastify/websocket`.
 * @param stopping the service stops
 */
export function addConnectRoute(
  app: FastifyInstance,
  prefix: string,
  options: ConnectOptions,
  stopping: AbortSignal,
): void {
  const { answers, connections } = options
  app.route({
    method: 'GET',
    url: `${prefix}/connect`,
    config: { rateLimit: {} },
    // What is refused is refused before the upgrade, as an answer of HTTP.
    preHandler: async ({ ws, raw, caller }: FastifyRequest) => {
      if (!ws) throw new Refused(426, 'Connect by a WebSocket')
      if (!answers.hasRoomFor(caller)) throw new Refused(429, 'Read what was answered before', 1)
      connections.work(raw.socket, null)
    },
    handler: async () => {
      throw new Refused(426, 'Connect by a WebSocket')
    },
    wsHandler: (webSocket, { raw, caller, log }) => {
      const sayOf = (error: Error) => {
        const { status, message } = answerTo(error instanceof Problem ? error : refusalOf(error))
        if (status === 500) log.error({ err: error }, 'program not started')
        return message
      }
      new Conversation(webSocket, raw.socket, { ...options, caller, stopping, sayOf })
    },
  })
}
