import type { FastifyInstance } from 'fastify'
import { wireLimits } from './admit.ts'
import type { StatusAnswer, TemplateAnswer } from './answer-schema.ts'
import { PROBLEMS, type ProblemName } from './problems.ts'
import type { NativeService, OfferedTemplate } from './service.ts'

/** Adds the routes that tell what there is to know before something is run. */
export function addInfoRoutes(app: FastifyInstance, service: NativeService): void {
  const started = performance.now()
  app.get('/v1/templates', async () => ({
    templates: service.templates.map(told),
  }))
  app.get('/v1/status', async (): Promise<StatusAnswer> => {
    const uptime_ms = Math.round(performance.now() - started)
    const { queued, executors } = service.status()
    const { version } = service
    return { status: 'ok', version, uptime_ms, queued, executors: byRuntime(executors) }
  })
  app.get<{ Params: { name: string } }>(
    '/problems/:name',
    { config: { isOpen: true } },
    async ({ params: { name } }, reply) => {
      if (!Object.hasOwn(PROBLEMS, name)) return reply.callNotFound()
      return { type: `/problems/${name}`, ...PROBLEMS[name as ProblemName] }
    },
  )
}

/** Pools of single keys are counted together: the names of keys are nobody else's business. */
function byRuntime(executors: StatusAnswer['executors']): StatusAnswer['executors'] {
  const sums = new Map<string, StatusAnswer['executors'][number]>()
  for (const { pool: name, state, count } of executors) {
    const pool = name.split('.')[0] as string
    const known = sums.get(`${pool} ${state}`)
    sums.set(`${pool} ${state}`, { pool, state, count: count + (known?.count ?? 0) })
  }
  return [...sums.values()]
}

function told(template: OfferedTemplate): TemplateAnswer {
  const { name, languages, version, modes, libraries, preloaded, network, limits } = template
  return {
    name,
    languages: [...languages],
    version,
    modes: [...modes],
    libraries: [...libraries],
    preloaded: [...preloaded],
    network,
    limits: wireLimits(limits),
  }
}
