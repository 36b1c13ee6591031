import type { FastifyInstance } from 'fastify'
import { wireLimits } from './admit.ts'
import type { StatusAnswer, TemplateAnswer } from './answer-schema.ts'
import { PROBLEMS, type ProblemName } from './problems.ts'
import type { NativeService, OfferedTemplate } from './service.ts'

/** What there is to know before something is run. */
export function addInfoRoutes(app: FastifyInstance, service: NativeService): void {
  const started = performance.now()
  app.get('/v1/templates', async () => ({
    templates: service.templates.map(told),
  }))
  app.get('/v1/status', async (): Promise<StatusAnswer> => {
    const uptime_ms = Math.round(performance.now() - started)
    return { status: 'ok', version: service.version, uptime_ms, ...service.status() }
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

function told(template: OfferedTemplate): TemplateAnswer {
  const { name, languages, version, modes, libraries, network, limits } = template
  return {
    name,
    languages: [...languages],
    version,
    modes: [...modes],
    libraries: [...libraries],
    network,
    limits: wireLimits(limits),
  }
}
