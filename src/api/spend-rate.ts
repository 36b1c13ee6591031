import type { FastifyInstance, FastifyRequest } from 'fastify'
import { RateLimited } from './refused.ts'

/** Counts each run of a batch as one that was started. @throws RateLimited */
export async function spendRate(
  app: FastifyInstance,
  request: FastifyRequest,
  runs: number,
): Promise<void> {
  if (!app.hasDecorator('createRateLimit')) return
  const spend = app.createRateLimit()
  for (let count = 0; count < runs; count++) {
    const state = await spend(request)
    if (!state.isAllowed && state.isExceeded) throw new RateLimited()
  }
}
