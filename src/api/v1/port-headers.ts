import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http'

/** Where a server of a session is reached, as a browser sees it. */
export interface PortPlace {
  readonly port: number
  /** Path in front of the server's own, without a slash at its end. */
  readonly prefix: string
  /** Whether pages of any origin may use it, because its address is signed. */
  readonly isSigned: boolean
  /** The host is of this server alone: its pages are of an origin of their own. False by default. */
  readonly isOwnHost?: boolean
  /** It is a sandbox of E2B's clients, named by the host or by headers: its tokens stay here. False by default. */
  readonly isSandbox?: boolean
  /** The Host that the server sees; `localhost:<port>` by default. */
  readonly hostSeen?: string | undefined
}

/** Of one connection (https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1). */
const HOP_BY_HOP = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'expect',
]
/** What a key of this service may be in. */
const KEYS = ['authorization', 'x-api-key', 'x-sandbox-token']
/** What says which sandbox of E2B's clients it is for, and lets it in. */
const OF_SANDBOX = [
  'e2b-sandbox-id',
  'e2b-sandbox-port',
  'e2b-traffic-access-token',
  'x-access-token',
]
/** What would speak for this service's whole origin, and not for the server alone. */
const OF_ORIGIN = [
  'alt-svc',
  'clear-site-data',
  'nel',
  'origin-agent-cluster',
  'public-key-pins',
  'report-to',
  'reporting-endpoints',
  'service-worker-allowed',
  'strict-transport-security',
  'x-dns-prefetch-control',
]
/** Cookies of servers have names of their own, so that no others of this host are shown to them. */
const COOKIE_PREFIX = 'port-'
const MAX_COOKIES = 32
const MAX_COOKIE_BYTES = 4096
/**
 * A page of a server is hostile: it is no page of this service's origin, and can neither read its cookies nor ask it as
 * its user (https://html.spec.whatwg.org/#sandboxing).
 */
const SANDBOX = 'sandbox allow-scripts allow-forms allow-popups allow-modals allow-downloads'

/** Headers of a request as the server of a session gets them. No key of this service is in them. */
export function headersToPort(
  headers: IncomingHttpHeaders,
  place: PortPlace,
  forwarded: { readonly host: string; readonly protocol: string },
): OutgoingHttpHeaders {
  const host = place.hostSeen ?? `localhost:${place.port}`
  const left = without(headers, [
    ...HOP_BY_HOP,
    ...(place.isSigned ? [] : KEYS),
    ...(place.isSandbox ? OF_SANDBOX : []),
    'cookie',
    'host',
    'origin',
    'referer',
  ])
  const cookie = cookiesOf(headers.cookie ?? '', place)
  return {
    ...left,
    // As most clients write it, for servers that look at the letters.
    Host: host,
    ...(headers.origin !== undefined && { origin: `http://${host}` }),
    ...(cookie !== '' && { cookie }),
    'x-forwarded-host': forwarded.host,
    'x-forwarded-proto': forwarded.protocol,
    ...(!place.isOwnHost && { 'x-forwarded-prefix': place.prefix }),
  }
}

/** Headers of an answer as a caller gets them. */
export function headersFromPort(
  headers: IncomingHttpHeaders,
  place: PortPlace,
): OutgoingHttpHeaders {
  const left: OutgoingHttpHeaders = without(headers, [
    ...HOP_BY_HOP,
    ...OF_ORIGIN,
    'set-cookie',
    'content-security-policy',
    'location',
  ])
  const { 'content-security-policy': policy, location } = headers
  const cookies = (headers['set-cookie'] ?? [])
    .slice(0, MAX_COOKIES)
    .flatMap((cookie) => cookieFrom(cookie, place))
  if (place.isSigned && !place.isOwnHost) {
    for (const name of Object.keys(left)) {
      if (name.startsWith('access-control-')) delete left[name]
    }
    left['access-control-allow-origin'] = '*'
    left['access-control-expose-headers'] = '*'
  }
  return {
    ...left,
    ...(cookies.length > 0 && { 'set-cookie': cookies }),
    ...(location !== undefined && { location: locationFrom(location, place) }),
    ...policyOf(policy?.toString(), place),
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
  }
}

function policyOf(policy: string | undefined, { isOwnHost }: PortPlace): OutgoingHttpHeaders {
  const policies = [policy, isOwnHost ? undefined : SANDBOX].filter((one) => one !== undefined)
  return policies.length > 0 ? { 'content-security-policy': policies.join(', ') } : {}
}

function without(headers: IncomingHttpHeaders, names: readonly string[]): IncomingHttpHeaders {
  const named = (headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase())
  const dropped = new Set([...names, ...named])
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !dropped.has(name)))
}

/** Of a request's cookies those that the server has set itself. */
function cookiesOf(cookies: string, { port, isOwnHost }: PortPlace): string {
  if (isOwnHost) return cookies
  const own = `${COOKIE_PREFIX}${port}-`
  return cookies
    .split(';')
    .map((cookie) => cookie.trim())
    .filter((cookie) => cookie.startsWith(own))
    .map((cookie) => cookie.slice(own.length))
    .join('; ')
}

/** A cookie that goes to the server alone, whatever it says itself (https://www.rfc-editor.org/rfc/rfc6265). */
function cookieFrom(cookie: string, { port, prefix, isOwnHost }: PortPlace): string[] {
  const [pair = '', ...attributes] = cookie.split(';').map((part) => part.trim())
  if (!/^[\w!#$%&'*+.^`|~-]+=/.test(pair) || cookie.length > MAX_COOKIE_BYTES) return []
  // Not for other hosts of the domain.
  if (isOwnHost) {
    const own = attributes.filter((attribute) => !/^domain\b/i.test(attribute))
    return [[pair, ...own].join('; ')]
  }
  const kept = attributes.filter((attribute) =>
    /^(expires|max-age)=|^(httponly|secure)$/i.test(attribute),
  )
  return [
    [`${COOKIE_PREFIX}${port}-${pair}`, ...kept, `Path=${prefix}/`, 'SameSite=Lax'].join('; '),
  ]
}

/** An address of the server itself leads to where the server is reached. */
function locationFrom(location: string, { port, prefix }: PortPlace): string {
  const own = new RegExp(
    `^https?://(?:localhost|127\\.0\\.0\\.1|\\[::1\\]):${port}(?=[/?#]|$)`,
    'i',
  )
  const path = location.replace(own, '')
  if (path === location) return /^\/(?![/\\])/.test(location) ? `${prefix}${location}` : location
  return `${prefix}${path.startsWith('/') ? '' : '/'}${path}`
}
