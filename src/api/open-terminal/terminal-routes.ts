import type { FastifyInstance, FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { KeptCommand } from '../../sessions/kept-command.ts'
import type { SessionUse } from '../../sessions/types.ts'
import { callerOfAddress } from '../addresses.ts'
import { Refused } from '../refused.ts'
import { startKept } from '../v1/session-commands-routes.ts'
import { bodyOf, type OpenTerminal, workFor } from './door.ts'
import { type Admitted, UserTerminal } from './user-terminal.ts'
import { type Person, personOf } from './workplaces.ts'

const SIZE = { columns: 80, rows: 24 }
/** Of what a shell has written last. */
const SHOWN_BYTES = 64 * 1024
const [NO_KEY, NOT_THERE, TAKEN] = [4001, 4004, 4009]
const input = z.object({ input: z.string().max(1024 ** 2) })

/**
 * Adds `/api/terminals`: shells of a user in a chat, over WebSockets. A shell ends when its client goes. It needs
 * `@fastify/websocket`.
 */
export function addTerminalRoutes(app: FastifyInstance, at: string, door: OpenTerminal): void {
  const { places, sessions } = door
  /** By the id of the session and of the command. */
  const connected = new Map<string, KeptCommand>()

  const terminalsOf = (person: Person) => {
    const place = places.find(person)
    const commands = place && sessions.commands(person.caller, place.session)
    const kept = commands?.list().filter((one) => one.record.hasTerminal && one.isRunning) ?? []
    return { place, commands, kept }
  }
  const found = (person: Person, id: string) => {
    const { place, commands, kept } = terminalsOf(person)
    const command = kept.find(({ record }) => record.id === id)
    if (!place || !commands || !command) throw new Refused(404, 'Session not found')
    return { place, commands, command, key: `${place.session} ${id}` }
  }
  const idIn = ({ params }: FastifyRequest) => (params as { id: string }).id
  const userShell = (request: FastifyRequest): KeptCommand => {
    const { place, kept } = terminalsOf(personOf(request))
    const shell = kept.findLast(({ record }) => connected.has(`${place?.session} ${record.id}`))
    if (shell) return shell
    throw new Refused(404, 'No connected user shell')
  }

  app.post(`${at}/api/terminals`, { config: { rateLimit: {} } }, (request, reply) =>
    workFor(door, request, reply, async ({ use, place }) => {
      const asked = { argv: ['bash'], cwd: place.cwd, env: { TERM: 'xterm-256color' } }
      return told(await startKept(use, { ...asked, user: 'user' }, SIZE))
    }),
  )
  app.get(`${at}/api/terminals`, async (request) => terminalsOf(personOf(request)).kept.map(told))
  app.delete(`${at}/api/terminals/:id`, async (request, reply) => {
    const { commands, command } = found(personOf(request), idIn(request))
    await workFor(door, request, reply, async () => commands.remove(command.record.id))
    return { status: 'deleted' }
  })
  app.get(`${at}/api/terminals/user/output`, async (request) => {
    const shell = userShell(request)
    const pieces = shell.outputNow(Math.max(0, shell.span.next - SHOWN_BYTES))
    return { output: Buffer.concat(pieces.map(({ bytes }) => bytes)).toString() }
  })
  app.post(`${at}/api/terminals/user/input`, async (request, reply) => {
    const { input: text } = await bodyOf(door, request, input)
    const shell = userShell(request)
    if (shell.hasUnreadInput) throw new Refused(409, 'User shell has not read its earlier input')
    await workFor(door, request, reply, async () => void shell.write(Buffer.from(text)))
    return { status: 'ok' }
  })

  app.route({
    method: 'GET',
    url: `${at}/api/terminals/:id`,
    // Open WebUI sends its key in the first frame.
    config: { hasKeyInFrames: true },
    handler: async (request) => told(found(personOf(request), idIn(request)).command),
    wsHandler: (webSocket, request) => {
      const { raw, ip, caller: shown } = request
      const admit = async (said: {
        token?: string | null | undefined
        chat_id?: string | undefined
      }) => {
        const caller = shown === '' ? door.keys.identify(said.token ?? '') : shown
        if (caller === null) return [NO_KEY, 'Invalid API key'] as const
        if (!door.connections.work(raw.socket, caller))
          return [NO_KEY, 'too many connections'] as const
        const chat = request.headers['x-session-id'] ?? said.chat_id ?? ''
        const person = personOf({ caller, headers: { ...request.headers, 'x-session-id': chat } })
        return enter(person, idIn(request))
      }
      new UserTerminal(webSocket, raw.socket, {
        ...{ answers: door.answers, frames: door.frames, stopping: door.stopping, admit },
        before: shown === '' ? callerOfAddress(ip) : shown,
      })
    },
  })

  async function enter(person: Person, id: string): Promise<Admitted | readonly [number, string]> {
    const terminal = terminalsOf(person).kept.some(({ record }) => record.id === id)
      ? found(person, id)
      : null
    if (!terminal) return [NOT_THERE, 'Session not found']
    const { place, commands, command, key } = terminal
    if (connected.has(key)) return [TAKEN, 'Session already connected']
    connected.set(key, command)
    // Awake for as long as somebody looks at it.
    const use: SessionUse | null = await sessions
      .use(person.caller, place.session)
      .catch((error) => {
        connected.delete(key)
        throw error
      })
    const onEnd = () => {
      connected.delete(key)
      commands.remove(id)
      use?.release()
    }
    return { caller: person.caller, command, onEnd }
  }
}

function told({ record }: KeptCommand) {
  const { id, pid, startedAtMs } = record
  return { id, created_at: new Date(startedAtMs).toISOString(), pid }
}
