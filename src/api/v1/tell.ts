import type { FastifyBaseLogger, FastifyRequest } from 'fastify'
import type { RunOutcome, RunRequest } from '../../run/types.ts'
import { statusOf } from './present.ts'
import type { NativeService } from './service.ts'

/** Tells the pieces of an answer. Each is told when the connection has taken it: then it asks for the next one. */
export function* told<T extends string | Buffer>(
  pieces: Iterable<T>,
  sent: (bytes: number) => void,
): Generator<T, void, undefined> {
  for (const piece of pieces) {
    yield piece
    sent(piece.length)
  }
}

/** Counts and logs an outcome: sizes, times and status; never code, arguments or output. */
export function tellOutcome(
  { log }: { readonly log: FastifyBaseLogger },
  run: RunRequest,
  outcome: RunOutcome,
  { metrics }: Pick<NativeService, 'metrics'>,
): void {
  const { template, program, files, stdin } = run
  const status = statusOf(outcome)
  metrics.runEnded(template, status)
  metrics.runTimed(template, outcome.timings)
  log.info(
    {
      caller: run.caller,
      run: run.id,
      runtime: template,
      outcome: status,
      codeBytes: program.code.length,
      argumentsBytes: program.argumentsJson.length,
      stdinBytes: stdin?.length ?? 0,
      filesIn: files.length,
      filesOut: outcome.files.length,
      resultBytes: outcome.resultJson?.length ?? 0,
      queueMs: Math.round(outcome.timings.queueMs),
      executeMs: Math.round(outcome.timings.executeMs),
      memoryKb: Math.round(outcome.usage.peakMemoryBytes / 1024),
    },
    'run',
  )
}

/** Counts and logs that a run has no outcome. */
export function tellProblem(
  request: FastifyRequest,
  run: RunRequest | null,
  problem: string,
  error: Error,
  { metrics }: Pick<NativeService, 'metrics'>,
): void {
  if (run) metrics.runEnded(run.template, problem)
  const line = { caller: request.caller, runtime: run?.template, outcome: problem }
  if (problem === 'internal' || problem === 'unavailable') {
    request.log.error({ ...line, err: error }, 'run')
  } else if (run) request.log.info(line, 'run')
}
