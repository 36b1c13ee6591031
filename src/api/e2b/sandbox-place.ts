import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { takePathKey } from '../path-key.ts'
import { send } from './failures.ts'

/** What a request is for: a port of a sandbox. */
export interface SandboxPlace {
  readonly sandboxId: string
  readonly port: number
  /** Whether the name of the host says so, and not headers. */
  readonly isHost: boolean
}

/** The files and processes of a sandbox, and its code interpreter. They are served by this service itself. */
export const [ENVD_PORT, INTERPRETER_PORT] = [49983, 49999]

const LABEL = /^(\d{1,5})-(i[a-z2-7]{24})$/i
const ID = /^\w{1,64}$/

/** What requests for ports of servers inside get in front of their paths; nothing else has it. */
export const PORT_PATH = '/e2b-port'
/** Where the health of a sandbox is asked for, since other front doors have the path that its clients know. */
export const HEALTH_PATH = '/e2b/health'

const places = new WeakMap<IncomingMessage, SandboxPlace>()

/**
 * Takes a request to the routes of the sandbox that it is for, before anything else sees its path. Where headers name the
 * sandbox, the address is this service's, and a key in front of its path is taken out first: it goes to no server inside.
 * Under a host of its own the whole path is the server's.
 */
export function takePlace(request: IncomingMessage, domain: string | null): void {
  const place = placeOf(request.headers, domain)
  if (!place) return
  places.set(request, place)
  if (!place.isHost) takePathKey(request)
  const { url = '/' } = request
  if (![ENVD_PORT, INTERPRETER_PORT].includes(place.port)) request.url = `${PORT_PATH}${url}`
  else if (/^\/health(?![^?])/.test(url)) request.url = HEALTH_PATH
}

/** Returns the sandbox that a request is for; null: it names none. */
export function placeIn(request: IncomingMessage): SandboxPlace | null {
  return places.get(request) ?? null
}

/** Has the hosts of sandboxes answer for their sandboxes alone. */
export function keepSandboxHosts(app: FastifyInstance): void {
  app.addHook('onRequest', async ({ raw, routeOptions }, reply) => {
    if (!placeIn(raw)?.isHost || routeOptions.config?.sandbox) return
    const message = 'There is nothing under this address of the sandbox.'
    return send(reply, 404, { code: 404, message })
  })
}

/**
 * Tells which sandbox a request is for: `<port>-<id>.<domain>` in its Host, else the headers of E2B's clients.
 * @param domain in lower case, with its port where that is not the default; null: there are no such hosts
 */
function placeOf(headers: IncomingHttpHeaders, domain: string | null): SandboxPlace | null {
  return (domain && placeOfHost(headers.host ?? '', domain)) || placeOfHeaders(headers)
}

function placeOfHost(host: string, domain: string): SandboxPlace | null {
  const [label = '', ...rest] = host.toLowerCase().split('.')
  const [, port, sandboxId] = LABEL.exec(label) ?? []
  const isOurs = withoutPort(rest.join('.')) === withoutPort(domain)
  if (!isOurs || !isPort(port) || sandboxId === undefined) return null
  return { sandboxId, port: Number(port), isHost: true }
}

function placeOfHeaders(headers: IncomingHttpHeaders): SandboxPlace | null {
  const { 'e2b-sandbox-id': sandboxId, 'e2b-sandbox-port': port } = headers
  if (typeof sandboxId !== 'string' || !ID.test(sandboxId)) return null
  return { sandboxId, port: isPort(port) ? Number(port) : ENVD_PORT, isHost: false }
}

function isPort(text: unknown): text is string {
  return typeof text === 'string' && /^\d{1,5}$/.test(text) && +text >= 1 && +text <= 65_535
}

function withoutPort(name: string): string {
  return name.replace(/:\d{1,5}$/, '')
}
