import type { FastifyInstance } from 'fastify'
import { Refused } from '../../refused.ts'
import type { E2bContext } from '../context.ts'
import { send } from '../failures.ts'
import { ENVD_VERSION } from './present.ts'
import { noTemplate, sourceOf, templateNames } from './templates.ts'

/** Adds what there is of templates: which there are. They are built by `executor-manager template build`. */
export function addTemplatesRoutes(app: FastifyInstance, { sessions }: E2bContext): void {
  for (const version of ['', '/v2']) {
    app.get(`${version}/templates`, async (_request, reply) => {
      return send(reply, 200, templateNames(sessions).map(toldTemplate))
    })
  }
  app.get('/templates/aliases/:alias', async ({ caller, params }, reply) => {
    const { alias } = params as { alias: string }
    if (!sourceOf(sessions, caller, alias)) throw noTemplate(alias)
    return send(reply, 200, { templateID: alias, public: true })
  })
  for (const path of ['/templates', '/v2/templates', '/v3/templates']) {
    app.post(path, async () => {
      throw new Refused(
        501,
        'Templates are not built by this API: describe one in a folder, then run `executor-manager template build`.',
      )
    })
  }
}

function toldTemplate(name: string) {
  const began = new Date(0).toISOString()
  return {
    templateID: name,
    buildID: name,
    buildStatus: 'ready',
    buildCount: 1,
    spawnCount: 0,
    public: true,
    names: [name],
    aliases: [name],
    envdVersion: ENVD_VERSION,
    cpuCount: 1,
    memoryMB: 0,
    diskSizeMB: 0,
    createdAt: began,
    updatedAt: began,
    createdBy: null,
    lastSpawnedAt: null,
  }
}
