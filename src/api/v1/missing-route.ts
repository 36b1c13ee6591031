import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Body } from '../uploads.ts'
import { Problem, sendProblem } from './problems.ts'

/**
 * Answers what no route of the native API takes: 405 with Allow where its address has other methods (RFC 9110,
 * section 15.5.6), else 404. To be called before the routes are added.
 */
export async function answerMissingRoutes(
  app: FastifyInstance,
): Promise<(request: FastifyRequest, reply: FastifyReply) => FastifyReply> {
  const routes: { address: RegExp; methods: readonly string[] }[] = []
  app.addHook('onRoute', ({ url, method }) => {
    const pattern = url.replace(/:[^/]+/g, '[^/]+').replaceAll('*', '.*')
    routes.push({ address: new RegExp(`^${pattern}/?$`), methods: [method].flat() })
  })
  const answer = ({ method, url, body }: FastifyRequest, reply: FastifyReply) => {
    // It may have been read already; nobody will look at it.
    ;(body as Body | null | undefined)?.entry.release()
    const path = url.split('?')[0] as string
    const allowed = routes.flatMap(({ address, methods }) => (address.test(path) ? methods : []))
    // An address that takes this method has an empty part, such as the name of a file.
    if (allowed.length === 0 || allowed.includes(method)) {
      return sendProblem(reply, new Problem('not-found', `There is no ${path.slice(0, 200)}.`))
    }
    const list = [...new Set(allowed)].sort().join(', ')
    reply.header('allow', list)
    const detail = `${method} is none of the methods of ${path.slice(0, 200)}: ${list}.`
    return sendProblem(reply, new Problem('method-not-allowed', detail))
  }
  await app.register(async (below) => below.setNotFoundHandler(answer), { prefix: '/v1' })
  return answer
}
