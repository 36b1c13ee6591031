import type { FastifyInstance } from 'fastify'
import type { E2bContext } from '../context.ts'
import { HEALTH_PATH } from '../sandbox-place.ts'

/** Adds what E2B's clients ask a sandbox for: files and processes. A Fastify plugin. */
export async function envd(app: FastifyInstance, _context: E2bContext): Promise<void> {
  app.get(HEALTH_PATH, { config: { sandbox: 'health' } }, async (_request, reply) => {
    return reply.code(204).send()
  })
}
