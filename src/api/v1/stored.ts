import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import type { FastifyReply } from 'fastify'
import type { Jobs, RunInfo } from '../../jobs/jobs.ts'
import type { Answers } from '../answers.ts'
import type { RunSummary } from './answer-schema.ts'
import { fileHead } from './present.ts'
import { Problem, type ProblemName, problemBody } from './problems.ts'

/** Accepted runs in the words of the native API, read from the store piece by piece. */

/** Whether files stand in the outcome, or where they can be read. */
export type FileForm = 'content' | 'url'

const timeOf = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString())

/** Returns an accepted run in the words of the native API, without its outcome. */
export function summaryOf(run: RunInfo): RunSummary {
  return {
    id: run.id,
    status: run.status as RunSummary['status'],
    detail: run.detail,
    template: run.template,
    created_at: new Date(run.createdMs).toISOString(),
    started_at: timeOf(run.startedMs),
    ended_at: timeOf(run.endedMs),
    expires_at: timeOf(run.expiresMs),
  }
}

/** Returns why a run has no outcome; null: it has one, or has not ended. */
export function problemOfRun({ problem, detail }: RunInfo): Problem | null {
  return problem === null ? null : new Problem(problem as ProblemName, detail)
}

/** Returns a run as JSON text, with its outcome. @param instance the request, for its problem */
export async function* statePieces(
  run: RunInfo,
  jobs: Jobs,
  instance: string,
): AsyncGenerator<string> {
  const problem = problemOfRun(run)
  const head = { ...summaryOf(run), problem: problem && problemBody(problem, instance) }
  yield `${JSON.stringify(head).slice(0, -1)},"outcome":`
  if (run.state === 'ended' && problem === null) yield* storedPieces(run, jobs, 'url')
  else yield 'null'
  yield '}'
}

/** Returns the outcome of a run as JSON text in one piece, without its files; null: it has none. */
export async function storedOutcomeJson(
  jobs: Jobs,
  owner: string,
  id: string,
): Promise<Buffer | null> {
  const pieces = await jobs.outcome(owner, id)
  if (pieces === null) return null
  const all: Buffer[] = []
  for await (const piece of pieces) all.push(piece)
  // Its last member, the list of files, is open.
  return Buffer.concat([...all, Buffer.from(']}')])
}

/** Returns the outcome of a run that has one, as JSON text. */
export async function* storedPieces(
  { owner, id }: RunInfo,
  jobs: Jobs,
  form: FileForm,
): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  for await (const piece of (await jobs.outcome(owner, id)) ?? []) {
    yield decoder.decode(piece, { stream: true })
  }
  for (const [index, { name, size }] of (await jobs.files(owner, id)).entries()) {
    yield `${index > 0 ? ',' : ''}${fileHead(name, size)},`
    if (form === 'url') yield `"url":${JSON.stringify(urlOf(id, name))}}`
    else {
      yield '"content_base64":"'
      const file = await jobs.file(owner, id, name)
      // Chunks are multiples of 3 bytes, so that their base64 fits together.
      for await (const chunk of file?.read() ?? []) yield chunk.toString('base64')
      yield '"}'
    }
  }
  yield ']}'
}

function urlOf(id: string, path: string): string {
  return `/v1/runs/${id}/files/${path.split('/').map(encodeURIComponent).join('/')}`
}

/** Answers with what is read piece by piece, on the account of its caller. */
export function sendPieces<T extends string | Buffer>(
  reply: FastifyReply,
  caller: string,
  answers: Answers,
  pieces: AsyncIterable<T>,
): FastifyReply {
  return reply.send(
    Readable.from(watched(pieces, caller, answers, reply.raw), { objectMode: false }),
  )
}

async function* watched<T extends string | Buffer>(
  pieces: AsyncIterable<T>,
  caller: string,
  answers: Answers,
  response: ServerResponse,
) {
  const backlog = answers.backlog(caller, response)
  for await (const piece of pieces) {
    backlog.add(piece.length)
    yield piece
    // It is asked for the next one when the connection has taken this one.
    backlog.sent(piece.length)
  }
}
