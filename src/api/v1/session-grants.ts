import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Sessions } from '../../sessions/types.ts'
import { Refused } from '../refused.ts'
import type { Grant, SignedUrls } from '../signed-urls.ts'
import { noSession, readJson, type SessionRequest } from './session-call.ts'
import { signedUrlRequest } from './session-schema.ts'

type FileRequest = FastifyRequest<{
  Params: { id: string; '*': string }
  Querystring: { expires?: string; signature?: string }
}>

const NOT_VALID = 'The signed URL is not valid, or has expired.'

/** Signed URLs of sessions: whoever has one may do one thing until it expires, without a key. */
export class SessionGrants {
  readonly #urls: SignedUrls
  readonly #sessions: Sessions

  constructor(urls: SignedUrls, sessions: Sessions) {
    this.#urls = urls
    this.#sessions = sessions
  }

  /** Whose session a signed request for a file is about; null: it is not signed. */
  readonly ofFile = (request: FastifyRequest): string | null => {
    const { params, query, headers } = request as FileRequest
    const { expires, signature } = query
    if (signature === undefined) return null
    const asked = headers['access-control-request-method']
    const method = request.method === 'OPTIONS' && asked ? asked : request.method
    const what = `${method === 'HEAD' ? 'GET' : method} ${params['*']}`
    return this.callerOf({ session: params.id, what, expiresAtMs: Number(expires) }, signature)
  }

  /**
   * Whose session a grant is about.
   * @throws Refused
   */
  callerOf(grant: Grant, signature: string): string {
    const caller = this.#urls.isValid(grant, signature)
      ? this.#sessions.ownerOf(grant.session)
      : null
    if (caller === null) throw new Refused(403, NOT_VALID)
    return caller
  }

  /** A page of another origin may use a signed URL; its browser asks first (https://fetch.spec.whatwg.org/#http-cors-protocol). */
  async answerPreflight(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    if ((request as FileRequest).query.signature === undefined) throw new Refused(403, NOT_VALID)
    return reply
      .headers({
        'access-control-allow-origin': '*',
        'access-control-allow-methods': 'GET, HEAD, PUT',
        'access-control-allow-headers': '*',
        'access-control-max-age': '600',
      })
      .code(204)
      .send()
  }

  /** Lets pages of other origins read the answers to signed requests, and has them signed. */
  addRoutes(app: FastifyInstance): void {
    app.addHook('onSend', async (request, reply) => {
      const { signature } = (request.query ?? {}) as { signature?: string }
      const isSigned = request.routeOptions.config?.signed !== undefined && signature !== undefined
      if (isSigned) reply.header('access-control-allow-origin', '*')
    })
    app.post('/v1/sessions/:id/signed-urls', async (request: SessionRequest) => {
      const { id } = request.params
      const asked = readJson(request, signedUrlRequest)
      if (!this.#sessions.get(request.caller, id)) throw noSession(id)
      const expiresAtMs = Date.now() + asked.ttl_ms
      const expires_at = new Date(expiresAtMs).toISOString()
      if ('port' in asked) {
        const { port } = asked
        const signature = this.#urls.sign({ session: id, what: `port ${port}`, expiresAtMs })
        return { url: `/v1/ports/${id}.${port}.${expiresAtMs}.${signature}/`, expires_at }
      }
      const { method, path } = asked
      const signature = this.#urls.sign({ session: id, what: `${method} ${path}`, expiresAtMs })
      const place = path.split('/').map(encodeURIComponent).join('/')
      const query = new URLSearchParams({ expires: String(expiresAtMs), signature })
      return { url: `/v1/sessions/${id}/files/${place}?${query}`, expires_at }
    })
  }
}
