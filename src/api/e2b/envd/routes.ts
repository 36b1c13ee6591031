import type { FastifyInstance } from 'fastify'
import type { E2bContext } from '../context.ts'

/** Adds what E2B's clients ask a sandbox for: files and processes. A Fastify plugin. */
export async function envd(app: FastifyInstance, _context: E2bContext): Promise<void> {
  // Dify's clients ask for the same, but for no sandbox.
  const constraints = { sandbox: true }
  app.get('/health', { config: { sandbox: 'health' }, constraints }, async (_request, reply) => {
    return reply.code(204).send()
  })
}
