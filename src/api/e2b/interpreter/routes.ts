import type { FastifyInstance } from 'fastify'
import type { E2bContext } from '../context.ts'

/** Adds the code interpreter of sandboxes. A Fastify plugin. */
export async function interpreter(_app: FastifyInstance, _context: E2bContext): Promise<void> {}
