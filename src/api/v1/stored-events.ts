import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Jobs, RunInfo } from '../../jobs/jobs.ts'
import type { Answers } from '../answers.ts'
import { EventStream } from '../sse.ts'
import { problemBody } from './problems.ts'
import { type FileForm, problemOfRun, storedPieces } from './stored.ts'

/** Events that are read from the store in one go, in bytes. */
const PAGE_BYTES = 256 * 1024

/**
 * Answers with the events of an accepted run, from the store: those that are there, then others as they are
 * written, up to its end. A caller that goes does nothing to the run.
 * @param after the number of the last event that the caller has seen
 */
export async function streamStored(
  { owner, id }: RunInfo,
  after: number,
  form: FileForm,
  jobs: Jobs,
  request: FastifyRequest,
  reply: FastifyReply,
  answers: Answers,
): Promise<FastifyReply> {
  const gone = new AbortController()
  reply.raw.once('close', () => gone.abort())
  const stream = new EventStream(reply, owner, answers, after)
  stream.begin()
  let last = after
  try {
    while (!gone.signal.aborted) {
      // Before it is looked up: what changes from here on is not missed.
      const changed = jobs.changed(id, gone.signal)
      const run = await jobs.find(owner, id)
      last = await sendPage(stream, owner, id, last, jobs, gone.signal)
      if (run?.state === 'ended') {
        await finish(stream, run, form, jobs, request.id)
        return reply
      }
      if (!run || jobs.isStopped) break
      await changed
    }
  } catch (error) {
    // The headers have gone out: a stream that breaks off is resumed.
    request.log.error({ err: error, run: id }, 'events not read')
  }
  stream.close()
  return reply
}

async function sendPage(
  stream: EventStream,
  owner: string,
  id: string,
  after: number,
  jobs: Jobs,
  gone: AbortSignal,
): Promise<number> {
  let last = after
  for (;;) {
    const events = await jobs.events(owner, id, last, PAGE_BYTES)
    if (events.length === 0) return last
    for (const { number, name, data } of events) {
      if (gone.aborted) return last
      await stream.sendPieces(name, [data])
      last = number
    }
  }
}

/** The last event is not written down: it is what the store says of the run. */
async function finish(
  stream: EventStream,
  run: RunInfo,
  form: FileForm,
  jobs: Jobs,
  instance: string,
): Promise<void> {
  const problem = problemOfRun(run)
  if (problem === null) await stream.finish('done', storedPieces(run, jobs, form))
  else await stream.finish('error', [JSON.stringify(problemBody(problem, instance))])
}
