import { randomUUID } from 'node:crypto'
import rateLimit from '@fastify/rate-limit'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { callerOfAddress, rateAccountOf } from './addresses.ts'
import type { ApiKeys } from './api-keys.ts'
import { webPageBehind } from './browser-guard.ts'
import type { Connections } from './connections.ts'
import { pathKeyOf } from './path-key.ts'
import { RateStore } from './rate-store.ts'
import { RateLimited, Refused } from './refused.ts'
import { UserTokens } from './user-tokens.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The caller: the name of its key, or its address where no keys are set. */
    caller: string
    /** What the caller shares with other users of its installation is accounted for by this name; null: nothing. */
    shared: string | null
  }
  interface FastifyContextConfig {
    /** Whether it is public, because its answer is the same in every installation. */
    isOpen?: boolean
    /** Whether its clients send their key as `?token=KEY`. */
    hasQueryKey?: boolean
    /** Whether its clients may show their key in the first frame of a WebSocket; its route looks at that then. */
    hasKeyInFrames?: boolean
    /** Whether its clients may send a token that names one of their users. */
    hasUserTokens?: boolean
    /**
     * For whom a request is that shows by a signature in its address that it may be made; null: it has none.
     * Throws Refused when the signature is not valid.
     */
    signed?: (request: FastifyRequest) => string | null
  }
}

export interface DoorOptions {
  readonly keys: ApiKeys
  /** Null: no tokens of users are taken. */
  readonly userTokens: UserTokens | null
  /** Host names by which the service may be called without keys. */
  readonly hosts: readonly string[]
  /** Runs a caller may start in each window, or null for no limit. */
  readonly rateLimit: { readonly runs: number; readonly windowMs: number } | null
}

/** Public paths. They only report that the service is up. */
const OPEN_PATHS = new Set(['/', '/healthz'])
const NO_KEY =
  'No valid API key: send it as Authorization: Bearer KEY, as X-API-Key: KEY, or in front of the path as /k/KEY.'
const [NO_TOKEN, BAD_TOKEN] = ['Bearer token is required', 'Invalid bearer token']
const REQUEST_ID = /^[\w.:-]{1,128}$/

/** Returns the caller's own request id if it is safe in a log, else a new one. */
export function requestIdOf(request: { headers: Record<string, unknown> }): string {
  const given = request.headers['x-request-id']
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID()
}

/** Adds the checks of who may call, and how often. */
export async function addDoor(
  app: FastifyInstance,
  options: DoorOptions,
  connections: Connections,
): Promise<void> {
  app.decorateRequest('caller', '')
  app.decorateRequest('shared', null)
  const { keys, hosts, userTokens } = options
  const keyed = keys.count > 0
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id)
    const { url = '', config } = request.routeOptions
    const signer = signerOf(request)
    if (signer instanceof Error) return done(signer)
    // A page of another origin may have the address too: whoever has it may use it.
    if (signer !== null) {
      request.caller = signer
      hideKeys(request, keys)
      return done()
    }
    const isOpen = OPEN_PATHS.has(url) || config?.isOpen === true
    const foreign = isOpen ? null : webPageBehind(guarded(request), { hosts, keyed })
    if (foreign !== null) return done(new Refused(403, foreign))
    if (userTokens && config?.hasUserTokens && !isOpen) {
      const token = bearerOf(request) ?? ''
      const user = UserTokens.isToken(token) ? userTokens.userOf(token) : null
      if (user) {
        Object.assign(request, user)
        if (!connections.work(request.raw.socket, user.caller)) return done(tooManyConnections())
        return done()
      }
      if (!keyed || UserTokens.isToken(token)) {
        reply.header('connection', 'close')
        return done(new Refused(401, token === '' ? NO_TOKEN : BAD_TOKEN))
      }
    }
    if (!keyed) {
      request.caller = callerOfAddress(request.ip)
      return done()
    }
    const name = keys.identify(shownKey(request))
    if (name === null) {
      const isLater = request.ws && config?.hasKeyInFrames === true && shownKey(request) === ''
      // A connection is kept for callers with a key only.
      if (!isLater) reply.header('connection', 'close')
      if (!isOpen && !isLater) {
        reply.header('www-authenticate', 'Bearer')
        return done(new Refused(401, NO_KEY))
      }
    } else {
      request.caller = name
      if (!connections.work(request.raw.socket, name)) return done(tooManyConnections())
    }
    done()
  })
  if (options.rateLimit) {
    await app.register(rateLimit, {
      global: false,
      max: options.rateLimit.runs,
      timeWindow: options.rateLimit.windowMs,
      store: RateStore,
      keyGenerator: ({ caller }) => (keyed ? caller : rateAccountOf(caller)),
      errorResponseBuilder: () => new RateLimited(),
    })
  }
}

function signerOf(request: FastifyRequest): string | null | Error {
  try {
    return request.routeOptions.config?.signed?.(request) ?? null
  } catch (error) {
    return error as Error
  }
}

/** No key of this service reaches what a signed address leads to. */
function hideKeys({ headers }: FastifyRequest, keys: ApiKeys): void {
  for (const name of ['authorization', 'x-api-key', 'x-sandbox-token', 'x-auth-token']) {
    const value = headers[name]
    const key = typeof value === 'string' ? value.replace(/^(?:Bearer|token) +/i, '').trim() : ''
    if (keys.identify(key) !== null) delete headers[name]
  }
}

function guarded({ headers }: FastifyRequest) {
  const { host, origin, 'sec-fetch-site': site } = headers
  return { host, origin, secFetchSite: typeof site === 'string' ? site : undefined }
}

function tooManyConnections(): Refused {
  return new Refused(429, 'This key has too many connections at work.', 1)
}

function bearerOf({ headers }: FastifyRequest): string | undefined {
  return /^(?:Bearer|token) +(\S+) *$/i.exec(headers.authorization ?? '')?.[1]
}

function shownKey(request: FastifyRequest): string {
  const { 'x-api-key': apiKey, 'x-sandbox-token': ragflowToken } = request.headers
  const { 'x-auth-token': judge0Token, authorization: bare } = request.headers
  const bearer = bearerOf(request)
  const inHeader =
    bearer ?? [apiKey, ragflowToken, judge0Token, bare].find((value) => typeof value === 'string')
  // A client whose path was set has headers of another system, or none.
  return pathKeyOf(request.raw) ?? (inHeader as string | undefined) ?? queryKey(request) ?? ''
}

function queryKey({ query, routeOptions }: FastifyRequest): string | undefined {
  if (routeOptions.config?.hasQueryKey !== true) return undefined
  const { token } = query as { token?: unknown }
  return typeof token === 'string' ? token : undefined
}
