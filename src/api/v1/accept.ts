import { createHash } from 'node:crypto'
import { setImmediate as turn } from 'node:timers/promises'
import { serialize } from 'node:v8'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { type CallbackPolicy, callbackIssue } from '../../jobs/callback-policy.ts'
import type { Jobs, RunInfo } from '../../jobs/jobs.ts'
import type { WebhookSettings } from '../../jobs/webhooks.ts'
import type { RunRequest } from '../../run/types.ts'
import type { Call, Keepers } from './call.ts'
import { wantsEvents } from './call.ts'
import { idempotencyKeyOf, preferencesOf } from './prefer.ts'
import { invalid, Problem, sendProblem } from './problems.ts'
import type { RunInput } from './read-run.ts'
import { problemOfRun, sendPieces, storedPieces, summaryOf } from './stored.ts'
import { streamStored } from './stored-events.ts'

type Callback = NonNullable<RunInput['fields']['callback']>

/** What the routes of accepted runs stand on. */
export interface JobService {
  readonly jobs: Jobs
  readonly webhooks: WebhookSettings
}

/** How a run is to be accepted; null: it is executed while its caller waits, and nothing of it is kept. */
export interface Accepting {
  /** Its caller is answered at once. */
  readonly isAsync: boolean
  readonly key: string | null
  readonly callback: { readonly url: string; readonly secret: string | null } | null
}

/**
 * Reads from the headers whether a run is to be accepted, and checks its callback.
 * @throws Problem that names the field
 */
export function acceptingOf(
  request: FastifyRequest,
  callback: Callback | undefined,
  webhooks: WebhookSettings,
): Accepting | null {
  const isAsync = preferencesOf(request).respondAsync
  const key = idempotencyKeyOf(request)
  if (callback && !isAsync) {
    throw invalid([{ pointer: '/callback', detail: 'needs the header Prefer: respond-async' }])
  }
  if (!isAsync && key === null) return null
  return { isAsync, key, callback: callback ? checked(callback, webhooks) : null }
}

function checked({ url, secret }: Callback, { policy, secret: own }: WebhookSettings) {
  const issue = callbackIssue(policy as CallbackPolicy | null, url)
  if (issue !== null) throw invalid([{ pointer: '/callback/url', detail: issue }])
  if (secret === undefined && own === null) {
    const detail = 'is needed: the operator has set none'
    throw invalid([{ pointer: '/callback/secret', detail }])
  }
  return { url, secret: secret ?? null }
}

/**
 * Accepts a run and answers: at once, or when it has ended. A run with an idempotency key goes on when its
 * caller hangs up, so that the same request finds its outcome.
 * @throws Problem, ManagerError HELD_TOO_MUCH, STORE_FAILED
 */
export async function acceptRun(
  run: RunRequest,
  { isAsync, key, callback }: Accepting,
  { jobs }: JobService,
  call: Call,
  request: FastifyRequest,
  reply: FastifyReply,
  { answers }: Keepers,
): Promise<FastifyReply> {
  const idempotency = key === null ? null : { key, fingerprint: await fingerprintOf(run, callback) }
  const accepted = await jobs.accept(run, { idempotency, callback })
  call.giveBodyBack()
  if (!accepted.isNew) {
    refuseOther(accepted.isSameRequest, accepted.run, isAsync)
    reply.header('idempotent-replayed', 'true')
  }
  if (isAsync) return answerAccepted(accepted.run, request, reply)
  if (wantsEvents(request)) {
    return streamStored(accepted.run, 0, 'content', jobs, request, reply, answers)
  }
  const ended = await untilEnded(accepted.run, jobs, call.signal)
  if (!ended) throw new Problem('canceled', 'The caller has gone, or the run was removed.')
  const problem = problemOfRun(ended)
  if (problem) return sendProblem(reply, problem)
  reply.type('application/json; charset=utf-8')
  return sendPieces(reply, call.caller, answers, storedPieces(ended, jobs, 'content'))
}

function refuseOther(isSameRequest: boolean, run: RunInfo, isAsync: boolean): void {
  if (!isSameRequest) {
    throw new Problem(
      'key-reused',
      'The header Idempotency-Key was sent with another request before.',
    )
  }
  if (!isAsync && run.state !== 'ended') {
    const detail = 'The run of this Idempotency-Key has not ended; ask again later.'
    throw new Problem('key-in-use', detail, { retryAfterS: 1 })
  }
}

/** The same answer whenever it is asked for: what became of the run since is under its address. */
function answerAccepted(run: RunInfo, { id }: FastifyRequest, reply: FastifyReply): FastifyReply {
  const asAccepted: RunInfo = {
    ...run,
    status: 'queued',
    detail: 'The run was accepted.',
    startedMs: null,
    endedMs: null,
    expiresMs: null,
  }
  return reply
    .code(202)
    .header('location', `/v1/runs/${run.id}`)
    .header('preference-applied', 'respond-async')
    .header('x-request-id', id)
    .send({ ...summaryOf(asAccepted), outcome: null, problem: null })
}

/**
 * Waits until an accepted run has ended.
 * @returns null when the caller has gone before, or the run is not there any more
 */
export async function untilEnded(
  { owner, id }: RunInfo,
  jobs: Jobs,
  signal: AbortSignal,
): Promise<RunInfo | null> {
  while (!signal.aborted) {
    const changed = jobs.changed(id, signal)
    const run = await jobs.find(owner, id)
    if (run?.state === 'ended') return run
    if (!run) return null
    if (jobs.isStopped) throw new Problem('shutting-down', SHUTTING_DOWN, { retryAfterS: 5 })
    await changed
  }
  return null
}

const SHUTTING_DOWN = 'The service is shutting down; the run is kept, ask again later.'

const HASHED_BYTES = 512 * 1024

/** What a request says, whatever form it came in; others have their turn in between. */
async function fingerprintOf(run: RunRequest, callback: Accepting['callback']): Promise<string> {
  const bytes = serialize({ ...run, id: '', callback })
  const hash = createHash('sha256')
  for (let at = 0; at < bytes.length; at += HASHED_BYTES) {
    if (at > 0) await turn()
    hash.update(bytes.subarray(at, at + HASHED_BYTES))
  }
  return hash.digest('base64')
}
