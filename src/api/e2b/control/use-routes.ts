import type { FastifyInstance } from 'fastify'
import { Refused } from '../../refused.ts'
import type { E2bContext } from '../context.ts'
import { send } from '../failures.ts'
import { sessionIdOf } from '../ids.ts'
import { sandboxIn } from './create.ts'
import type { Sandbox } from './present.ts'
import { isOffline } from './reach.ts'
import { readBody } from './read.ts'
import { type Sample, UseSamples } from './samples.ts'
import { sandboxOfPath } from './sandboxes-routes.ts'
import { networkRequest } from './schema.ts'

/** Adds what sandboxes use, and what they may reach. */
export function addUseRoutes(app: FastifyInstance, context: E2bContext): void {
  const { sessions } = context
  const samples = new UseSamples(sessions)
  app.addHook('onClose', async () => samples.close())
  app.get('/sandboxes/:id/metrics', async (request, reply) => {
    const sandbox = sandboxOfPath(context, request)
    const { start, end } = request.query as { start?: string; end?: string }
    const [fromS, toS] = [Number(start ?? 0), Number(end ?? Number.MAX_SAFE_INTEGER)]
    if (Number.isNaN(fromS) || Number.isNaN(toS)) throw new Refused(400, 'start, end: is not valid')
    // The end is a whole second, which has not ended.
    const within = samples.of(request.caller, sandbox.info.id, fromS * 1000, (toS + 1) * 1000)
    return send(
      reply,
      200,
      within.map((sample) => toldSample(sample, sandbox)),
    )
  })
  app.get('/sandboxes/metrics', async ({ caller, query }, reply) => {
    const { sandbox_ids: asked = '' } = query as { sandbox_ids?: string }
    const ids = [asked].flat().flatMap((text) => text.split(','))
    const entries = ids.slice(0, 100).flatMap((sandboxId) => {
      const id = sessionIdOf(sandboxId)
      const sandbox = id === null ? null : sandboxIn(sessions.get(caller, id))
      const last = sandbox && samples.of(caller, sandbox.info.id, 0, Infinity).at(-1)
      return sandbox && last ? [[sandboxId, toldSample(last, sandbox)]] : []
    })
    return send(reply, 200, { sandboxes: Object.fromEntries(entries) })
  })
  for (const version of ['', '/v2']) {
    app.get(`${version}/sandboxes/:id/logs`, async (request, reply) => {
      sandboxOfPath(context, request)
      return send(reply, 200, { logs: [], logEntries: [] })
    })
  }
  app.put('/sandboxes/:id/network', async (request, reply) => {
    const { allow_internet_access, ...asked } = readBody(request, networkRequest)
    const { info, note } = sandboxOfPath(context, request)
    const former = context.hasNetwork ? (info.isOffline ?? false) : null
    const change = { isOffline: isOffline(context, { ...asked, allow_internet_access }, former) }
    const { isPublic: allowPublicTraffic, hostMask: maskRequestHost } = note
    const network = { ...asked, allowPublicTraffic, maskRequestHost }
    const allowsInternet = allow_internet_access ?? null
    sessions.change(request.caller, info.id, {
      ...change,
      note: { ...note, network, allowsInternet },
    })
    return reply.code(204).send()
  })
}

function toldSample({ atMs, processors, memoryBytes }: Sample, { info }: Sandbox) {
  const { cpus, memoryBytes: memTotal, workspaceBytes } = info.limits
  return {
    timestamp: new Date(atMs).toISOString(),
    timestampUnix: Math.floor(atMs / 1000),
    cpuUsedPct: Math.round(10_000 * processors) / 100,
    cpuCount: Math.max(1, Math.round(cpus)),
    memUsed: memoryBytes,
    memTotal,
    memCache: 0,
    // Files of a sandbox lie in its memory, and count there.
    diskUsed: 0,
    diskTotal: workspaceBytes,
  }
}
