import type { FastifyRequest } from 'fastify'
import type { Jobs } from '../../jobs/jobs.ts'
import type { Sessions } from '../../sessions/types.ts'
import type { NativeService } from '../v1/service.ts'
import type { RunArguments } from './message.ts'

/** One message of a client, and who sent it. */
export interface McpCall {
  readonly request: FastifyRequest
  /** Of a tool that takes a program or a file. */
  readonly run: RunArguments | null
  /** The client has gone, has canceled it, or its body was evicted. */
  readonly signal: AbortSignal
  /** An executor has the run: its body is needed no more. */
  giveBodyBack(): void
  /** What went wrong in the caller's words. */
  cause(error: Error): Error
}

export interface McpService
  extends Pick<NativeService, 'runs' | 'templates' | 'version' | 'metrics'> {
  readonly jobs: Jobs
  /** Null: callers can keep no sandboxes. */
  readonly sessions: Sessions | null
}

/** The arguments of a call that has none. */
export const NOTHING = {
  code: Buffer.alloc(0),
  argumentsJson: Buffer.from('{}'),
  stdin: null,
  contents: new Map(),
}
