import { Resolver } from 'node:dns'
import { lookup as lookupOfHost } from 'node:dns/promises'
import { type ClientRequest, request as httpRequest, type RequestOptions } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import { scaledMs } from '../lib/time-scale.ts'
import { type CallbackPolicy, hostOf, mayReach } from './callback-policy.ts'

/** From the look-up of the name to the head of the answer. */
const TIMEOUT_MS = scaledMs(15_000)

export interface CallResult {
  /** Of HTTP; null: there was no answer. */
  readonly status: number | null
  /** What Retry-After asks for; null: nothing. */
  readonly retryAfterMs: number | null
  /** Why there was no answer. */
  readonly error: string | null
}

/**
 * Calls a webhook once. The connection is made to an address that the policy allows, and to no other: names
 * are looked up here, and what is connected to is what was checked. Redirects are not followed; the body of the
 * answer is not read.
 * @param nameServers addresses with ports; by default those of this host
 */
export function callWebhook(
  url: URL,
  headers: Readonly<Record<string, string>>,
  body: string,
  policy: CallbackPolicy,
  nameServers: readonly string[] = [],
  method: 'POST' | 'PUT' = 'POST',
): Promise<CallResult> {
  const host = hostOf(url)
  // An address is connected to without a look-up.
  if (isIP(host) > 0 && !mayReach(policy, host, host)) {
    return Promise.resolve({ status: null, retryAfterMs: null, error: NOT_ALLOWED })
  }
  return new Promise((resolve) => {
    const options: RequestOptions = {
      method,
      agent: false,
      lookup: lookupWithin(policy, nameServers),
      headers: {
        ...headers,
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        'user-agent': 'executor-manager',
      },
    }
    const send = url.protocol === 'https:' ? httpsRequest : httpRequest
    let call: ClientRequest
    const end = (result: CallResult) => {
      clearTimeout(timer)
      resolve(result)
      call.destroy()
    }
    const fail = (error: string) => end({ status: null, retryAfterMs: null, error })
    const timer = setTimeout(() => fail('no answer in time'), TIMEOUT_MS)
    call = send(url, options, ({ statusCode, headers: { 'retry-after': wait } }) => {
      const retryAfterMs = /^\d{1,6}$/.test(wait ?? '') ? Number(wait) * 1000 : null
      end({ status: statusCode ?? null, retryAfterMs, error: null })
    })
    call.on('error', ({ message }) => fail(message))
    call.end(body)
  })
}

const NOT_ALLOWED = 'the operator does not allow this address'

/** Looks names up and gives the allowed addresses only. */
function lookupWithin(policy: CallbackPolicy, servers: readonly string[]): LookupFunction {
  return (name, { all }, done) => {
    const host = name.replace(/\.$/, '').toLowerCase()
    const take = (found: string[]) => {
      const [first, ...rest] = found.filter((address) => mayReach(policy, host, address))
      if (first === undefined) done(new Error(NOT_ALLOWED), '')
      else if (!all) done(null, first, isIP(first))
      else
        done(
          null,
          [first, ...rest].map((address) => ({ address, family: isIP(address) })),
        )
    }
    addressesOf(policy, host, servers).then(take, (error: Error) => done(error, ''))
  }
}

/**
 * Names that the operator gave are looked up as every program here does; /etc/hosts is read. Those that
 * callers gave do not go that way: it takes one of the few threads that read files too, for as long as a
 * name server likes.
 */
async function addressesOf(
  policy: CallbackPolicy,
  host: string,
  servers: readonly string[],
): Promise<string[]> {
  if (policy.names.includes(host)) {
    return (await lookupOfHost(host, { all: true })).map(({ address }) => address)
  }
  const resolver = new Resolver({ timeout: 3000, tries: 2 })
  if (servers.length > 0) resolver.setServers(servers)
  const ask = (family: 4 | 6) =>
    new Promise<string[]>((resolve) => {
      const take = (error: Error | null, addresses: string[]) => resolve(error ? [] : addresses)
      if (family === 4) resolver.resolve4(host, take)
      else resolver.resolve6(host, take)
    })
  const found = (await Promise.all([ask(4), ask(6)])).flat()
  if (found.length === 0) throw new Error('its name is not known')
  return found
}
