import { randomUUID } from 'node:crypto'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { Refused } from '../refused.ts'
import { type JupyterDoor, specNamed } from './door.ts'
import { type Kept, toldKept } from './kept-kernels.ts'
import { readBody } from './requests.ts'

/** What a session of the executor has in its metadata, beside the marks of its kernel. */
const MARK = {
  id: 'jupyter.session',
  path: 'jupyter.path',
  name: 'jupyter.title',
  type: 'jupyter.type',
}
const MAX_WORDS = 1000

const text = z.string().max(MAX_WORDS)
const kernel = z.object({ id: text.nullable().optional(), name: text.nullable().optional() })
const asked = z.object({
  path: text.optional(),
  name: text.optional(),
  type: text.optional(),
  kernel: kernel.nullable().optional(),
})
type Asked = z.output<typeof asked>

/**
 * Adds `/api/sessions`: what a notebook of a client has as its kernel. Such a session lives as long as its kernel. What a
 * client changes of its path is known until the service stops.
 */
export function addSessionRoutes(app: FastifyInstance, at: string, door: JupyterDoor): void {
  const config = { hasQueryKey: true }
  const { specs, kept: keeps } = door
  /** By the id of a kernel: what was said of its session later. */
  const words = new WeakMap<Kept['kernel'], Asked & { id?: string }>()

  const told = (kept: Kept) => {
    const { metadata } = kept.info
    const later = words.get(kept.kernel) ?? {}
    const id = later.id ?? metadata[MARK.id]
    if (id === undefined) return null
    const path = later.path ?? metadata[MARK.path] ?? ''
    const name = later.name ?? metadata[MARK.name] ?? ''
    const type = later.type ?? metadata[MARK.type] ?? 'notebook'
    return { id, path, name, type, kernel: toldKept(kept), notebook: { path, name } }
  }
  const all = (caller: string) =>
    (keeps?.of(caller) ?? []).flatMap((kept) => {
      const session = told(kept)
      return session ? [{ kept, session }] : []
    })
  const found = (request: FastifyRequest) => {
    const { id } = request.params as { id: string }
    const session = all(request.caller).find((one) => one.session.id === id)
    if (session) return session
    throw new Refused(404, `Session not found: session_id=${id.slice(0, 100)}`)
  }
  const start = (request: FastifyRequest, id: string, { path, name, type, kernel }: Asked) => {
    if (!keeps) throw new Refused(501, 'This service keeps no sessions.')
    const marks = { [MARK.id]: id, [MARK.path]: path ?? '', [MARK.name]: name ?? '' }
    const metadata = { ...marks, [MARK.type]: type ?? 'notebook' }
    const spec = specNamed(specs, kernel?.name ?? null)
    return keeps.start(request.caller, { spec, env: {}, metadata, id: null })
  }

  app.get(`${at}/sessions`, { config }, async ({ caller }) =>
    all(caller).map(({ session }) => session),
  )
  const creates = { config: { ...config, rateLimit: {} } }
  app.post(`${at}/sessions`, creates, async (request, reply) => {
    const body = readBody(request, asked) ?? {}
    const there = all(request.caller).find(({ session }) => session.path === body.path)
    if (there && body.path) return reply.code(201).send(there.session)
    const id = randomUUID()
    const given = body.kernel?.id ? keeps?.get(request.caller, body.kernel.id) : null
    if (body.kernel?.id && !given) throw new Refused(404, 'Kernel does not exist.')
    if (given) words.set(given.kernel, { ...body, id })
    const kept = given ?? (await start(request, id, body))
    return reply.code(201).header('location', `${at}/sessions/${id}`).send(told(kept))
  })
  app.get(`${at}/sessions/:id`, { config }, async (request) => found(request).session)
  app.patch(`${at}/sessions/:id`, creates, async (request) => {
    const body = readBody(request, asked) ?? {}
    const { kept, session } = found(request)
    const { path = session.path, name = session.name, type = session.type } = body
    const isOther = body.kernel?.id ? body.kernel.id !== kept.id : Boolean(body.kernel?.name)
    if (!isOther) {
      words.set(kept.kernel, { path, name, type, id: session.id })
      return told(kept)
    }
    const next = { path, name, type, kernel: body.kernel }
    const given = body.kernel?.id ? keeps?.get(request.caller, body.kernel.id) : null
    if (body.kernel?.id && !given) throw new Refused(404, 'Kernel does not exist.')
    const other = given ?? (await start(request, session.id, next))
    words.set(other.kernel, { ...next, id: session.id })
    await keeps?.delete(kept)
    return told(other)
  })
  app.delete(`${at}/sessions/:id`, { config }, async (request, reply) => {
    await keeps?.delete(found(request).kept)
    return reply.code(204).send()
  })
}
