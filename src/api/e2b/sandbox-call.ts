import type { FastifyRequest } from 'fastify'
import { SessionGone, SessionLost } from '../../sessions/gone.ts'
import type { SessionInfo, Sessions, SessionUse } from '../../sessions/types.ts'
import { callerOfAddress } from '../addresses.ts'
import { Refused } from '../refused.ts'
import { GoneSandbox, PrivatePort } from './failures.ts'
import { sandboxIdOf, sessionIdOf } from './ids.ts'
import { DOOR, noteOf, type SandboxNote } from './note.ts'
import { ENVD_PORT, placeIn } from './sandbox-place.ts'
import { isSame, matcherOf, type SignedFile } from './signature.ts'
import { SignatureTries } from './signature-tries.ts'

/**
 * What a route of a sandbox asks of a request: the access token (`envd`), that or a signature in the address (`files`),
 * the access or the traffic token (`interpreter`), the traffic token where its caller has said so (`port`), or only that
 * the sandbox runs (`health`).
 */
export type SandboxRoute = 'envd' | 'files' | 'interpreter' | 'port' | 'health'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What it asks for, where it is a route of a sandbox. */
    sandbox?: SandboxRoute
  }
  interface FastifyRequest {
    sandbox: SandboxCall | null
  }
}

/** A request to a sandbox that may be made. */
export interface SandboxCall {
  /** Whose sandbox it is, on whose account all is. */
  readonly caller: string
  readonly sandboxId: string
  readonly sessionId: string
  readonly port: number
  readonly note: SandboxNote
  /** @throws GoneSandbox, ManagerError */
  use(): Promise<SessionUse>
}

/** What a sandbox that is woken by a request lives at least. */
const WOKEN_MS = 300_000
/** Sandboxes that a signature which names none is tried with. */
const MOST_TRIED = 1000

/** Finds the sandboxes that requests are for, and checks that they may be made. */
export class SandboxCalls {
  readonly #sessions: Sessions
  readonly #tries = new SignatureTries()

  constructor(sessions: Sessions) {
    this.#sessions = sessions
  }

  /**
   * Whose sandbox a request is for.
   * @throws GoneSandbox, Refused 401, 429
   */
  authorize(route: SandboxRoute, request: FastifyRequest): string {
    const place = placeIn(request.raw)
    const info = place ? this.#running(place.sandboxId, route) : this.#signed(route, request)
    const note = info && noteOf(info)
    if (!info || !note) throw new GoneSandbox(place?.sandboxId ?? '')
    if (place) check(route, request, note, place.sandboxId)
    const { id } = info
    const caller = this.#sessions.ownerOf(id) as string
    request.sandbox = {
      caller,
      sandboxId: sandboxIdOf(id),
      sessionId: id,
      port: place?.port ?? ENVD_PORT,
      note,
      use: () => this.#use(caller, id),
    }
    return caller
  }

  /** @throws GoneSandbox */
  async wake({ caller, sessionId, sandboxId }: SandboxCall): Promise<void> {
    const info = this.#sessions.get(caller, sessionId)
    if (!info) throw new GoneSandbox(sandboxId)
    if (!info.isPaused) return
    this.#sessions.setTtl(caller, sessionId, WOKEN_MS)
    await this.#sessions.resume(caller, sessionId).catch((error: Error) => {
      throw goneOf(error, sandboxId)
    })
  }

  async #use(caller: string, id: string): Promise<SessionUse> {
    const sandboxId = sandboxIdOf(id)
    const use = await this.#sessions.use(caller, id).catch((error: Error) => {
      throw goneOf(error, sandboxId)
    })
    if (!use) throw new GoneSandbox(sandboxId)
    return use
  }

  /** @returns null: there is none, or it does not run and nothing may wake it */
  #running(sandboxId: string, route: SandboxRoute): SessionInfo | null {
    const id = sessionIdOf(sandboxId)
    const owner = id && this.#sessions.ownerOf(id)
    const info = owner ? this.#sessions.get(owner, id) : null
    return info && isThere(info, route) ? info : null
  }

  /** Finds the sandbox of an address that names none, by its signature. */
  #signed(route: SandboxRoute, request: FastifyRequest): SessionInfo | null {
    const signed = route === 'files' ? signedFile(request) : null
    if (!signed) return null
    const isOf = matcherOf(signed.file, signed.signature)
    if (!isOf) throw new Refused(401, 'invalid signature')
    const address = callerOfAddress(request.ip)
    const waitS = this.#tries.waitOf(address)
    if (waitS > 0) throw new Refused(429, 'too many invalid signatures', waitS)
    const all = this.#sessions.ofDoor(DOOR).slice(-MOST_TRIED)
    const isIt = (info: SessionInfo) => isOf(noteOf(info)?.accessToken ?? '')
    const found = all.find((info) => noteOf(info) && isThere(info, route) && isIt(info))
    if (!found) {
      this.#tries.addFailed(address)
      throw new Refused(401, 'invalid signature')
    }
    assertCurrent(signed.file)
    return found
  }
}

/**
 * Returns the sandbox that a request is for; it is woken where that is asked for. To be called in routes whose config
 * has `sandbox`: there the request may be made.
 * @throws GoneSandbox, ManagerError
 */
export async function sandboxOf(request: FastifyRequest): Promise<SandboxCall> {
  if (!request.sandbox) throw new Error('this route has no sandbox in its config')
  return request.sandbox
}

/** Returns what an error of a session means for a request to its sandbox. */
export function goneOf(error: Error, sandboxId: string): Error {
  const isGone = error instanceof SessionGone || error instanceof SessionLost
  return isGone ? new GoneSandbox(sandboxId) : error
}

function isThere(info: SessionInfo, route: SandboxRoute): boolean {
  const { state, isPaused } = info
  if (state === 'dead' || state === 'lost' || state === 'creating') return false
  return !isPaused || (route !== 'health' && noteOf(info)?.wakesByUse === true)
}

/** @throws Refused 401, PrivatePort */
function check(
  route: SandboxRoute,
  request: FastifyRequest,
  note: SandboxNote,
  sandboxId: string,
): void {
  if (route === 'health') return
  const { headers } = request
  if (route === 'port' && note.isPublic) return
  const shows = (name: string, secret: string) => {
    const shown = headers[name]
    return typeof shown === 'string' && isSame(shown, secret)
  }
  if (route !== 'port' && shows('x-access-token', note.accessToken)) return
  const hasTrafficToken = route === 'interpreter' || route === 'port'
  if (hasTrafficToken && shows('e2b-traffic-access-token', note.trafficToken)) return
  if (route === 'port') throw new PrivatePort(sandboxId)
  const signed = route === 'files' ? signedFile(request) : null
  if (signed) {
    const { file, signature } = signed
    if (!matcherOf(file, signature)?.(note.accessToken)) {
      throw new Refused(401, 'invalid signature')
    }
    assertCurrent(file)
    return
  }
  throw new Refused(401, 'unauthenticated: the access token of the sandbox is missing or wrong')
}

/** @throws Refused 401 */
function assertCurrent({ expiresAtS }: SignedFile): void {
  if (expiresAtS !== null && !(expiresAtS > Date.now() / 1000)) {
    throw new Refused(401, 'signature is already expired')
  }
}

function signedFile({ query, method }: FastifyRequest) {
  const asked = query as Readonly<Record<string, unknown>>
  const text = (name: string) => {
    const value = asked[name]
    return typeof value === 'string' ? value : ''
  }
  const signature = text('signature')
  if (signature === '') return null
  const expires = text('signature_expiration')
  const file: SignedFile = {
    path: text('path'),
    operation: method === 'GET' || method === 'HEAD' ? 'read' : 'write',
    username: text('username'),
    expiresAtS: expires === '' ? null : Number(expires),
  }
  return { file, signature }
}
