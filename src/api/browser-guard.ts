import { isIP } from 'node:net'

/** The parts of a request that are checked before its body is read. */
export interface GuardedRequest {
  readonly host: string | undefined
  readonly origin: string | undefined
  readonly secFetchSite: string | undefined
}

export interface GuardOptions {
  /** Names that the service is reached by, in lower case, besides localhost and addresses. */
  readonly hosts: readonly string[]
  /** Whether callers need a key. No web page has one, so any host name is accepted then. */
  readonly keyed: boolean
}

/**
 * Tells whether a web page may have sent a request. A page can make its visitor's browser send requests to local
 * addresses. With a local address for its own name (DNS rebinding) it can also read the answers. Browsers reveal
 * it in Origin and Sec-Fetch-Site (https://www.w3.org/TR/fetch-metadata/), and a rebound name is in Host.
 * @returns why the request is refused, or null
 */
export function webPageBehind(request: GuardedRequest, options: GuardOptions): string | null {
  const { host, origin, secFetchSite } = request
  if (secFetchSite !== undefined && secFetchSite !== 'same-origin' && secFetchSite !== 'none') {
    return 'A web page of another origin may not ask this service.'
  }
  if (origin !== undefined && !isOwnOrigin(origin, host, options)) {
    return 'A web page of another origin may not ask this service.'
  }
  if (options.keyed || isOwnHost(host, request, options)) return null
  return 'The service does not know the name in the Host header: ask for an address or localhost, or name it in EXECUTOR_MANAGER_HOSTS, or set keys.'
}

function isOwnOrigin(origin: string, host: string | undefined, { hosts }: GuardOptions): boolean {
  const authority = /^https?:\/\/([^/]+)$/i.exec(origin)?.[1]
  if (authority === undefined) return false
  if (host !== undefined && withoutDefaultPort(authority) === withoutDefaultPort(host)) return true
  return hosts.includes(nameOf(authority) ?? '')
}

function isOwnHost(
  host: string | undefined,
  { origin, secFetchSite }: GuardedRequest,
  { hosts }: GuardOptions,
): boolean {
  const name = nameOf(host ?? '')
  if (name === null) return false
  if (isIP(name) !== 0 || name === 'localhost' || hosts.includes(name)) return true
  // A container's name on its network, such as RAGFlow's: no page has a name without a dot, and
  // programs send neither of the headers that browsers do.
  return !name.includes('.') && origin === undefined && secFetchSite === undefined
}

/** The name or address in `name:port`, in lower case; null if the text has another form. */
function nameOf(authority: string): string | null {
  const parts = /^(?:\[([\da-f:.]+)\]|([\w.-]+))(?::\d{1,5})?$/i.exec(authority)
  return (parts?.[1] ?? parts?.[2])?.toLowerCase() ?? null
}

function withoutDefaultPort(authority: string): string {
  return authority.toLowerCase().replace(/:(80|443)$/, '')
}
