import { randomUUID } from 'node:crypto'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type CallbackPolicy, callbackIssue } from '../../jobs/callback-policy.ts'
import type { RunInfo } from '../../jobs/jobs.ts'
import { unreadAnswers } from '../refused.ts'
import { spendRate } from '../spend-rate.ts'
import { overBudget } from '../uploads.ts'
import { untilEnded } from '../v1/accept.ts'
import { admit } from '../v1/admit.ts'
import { beginCall, type Call } from '../v1/call.ts'
import { Problem } from '../v1/problems.ts'
import type { RunInput } from '../v1/read-run.ts'
import { unpack } from './additional-files.ts'
import type { Callbacks } from './callbacks.ts'
import { checkSubmission, type Wrong } from './check.ts'
import { sendError, sendFailure } from './failures.ts'
import { judgeLanguages } from './languages.ts'
import type { Judge0Options } from './options.ts'
import { metaOf, pageIn } from './pages.ts'
import { DEFAULT_FIELDS, fieldsIn, presentSubmission, statuses, statusOf } from './present.ts'
import { ADDITIONAL, EXPECTED, MAX_BATCH } from './read-request.ts'
import type { Submission, Submissions, WantedTexts } from './submissions.ts'

export interface SubmissionHost extends Judge0Options {
  readonly submissions: Submissions
  readonly callbacks: Callbacks
}

interface Query {
  readonly base64_encoded?: unknown
  readonly wait?: unknown
  readonly fields?: unknown
  readonly tokens?: unknown
  readonly page?: unknown
  readonly per_page?: unknown
}
type Asked = FastifyRequest<{ Querystring: Query; Params: { token: string } }>

const QUEUED = 'submission cannot be deleted because its status is'

/** Adds `/submissions`: takes them, alone and in batches, tells what became of them, and removes them. */
export function addSubmissionRoutes(
  app: FastifyInstance,
  prefix: string,
  host: SubmissionHost,
): void {
  const { submissions } = host
  const at = `${prefix}/submissions`
  app.post(at, { config: { rateLimit: {} } }, async (request, reply) =>
    withCall(host, request as Asked, reply, async (call) => {
      const { query } = request as Asked
      const fields = knownFields(query, reply)
      if (!fields) return reply
      const [input] = await call.read('judge0')
      assertCallbacks(host, call.caller, [input as RunInput])
      const accepted = await accept(host, input as RunInput, query, call)
      if ('wrong' in accepted) return reply.code(422).send(accepted.wrong)
      call.giveBodyBack()
      if (query.wait !== 'true') return reply.code(201).send({ token: accepted.run.id })
      const ended = await untilEnded(accepted.run, host.jobs, call.signal)
      const found = ended && (await submissions.find(call.caller, ended.id, wantedOf(fields)))
      if (!found) throw new Problem('canceled', 'The caller has gone.')
      return send(host, reply.code(201), call.caller, told(host, found, fields, query))
    }),
  )
  app.post(`${at}/batch`, { config: { rateLimit: {} } }, async (request, reply) =>
    withCall(host, request as Asked, reply, async (call) => {
      const inputs = await call.read('judge0-batch')
      assertCallbacks(host, call.caller, inputs)
      await spendRate(app, request, inputs.length - 1)
      const answers: object[] = []
      for (const input of inputs) {
        const accepted = await accept(host, input, (request as Asked).query, call)
        answers.push('wrong' in accepted ? accepted.wrong : { token: accepted.run.id })
      }
      return reply.code(201).send(answers)
    }),
  )
  app.get(`${at}/batch`, async (request, reply) => {
    const { query } = request as Asked
    const fields = knownFields(query, reply)
    if (!fields) return reply
    const tokens = String(query.tokens ?? '')
      .split(',')
      .filter((token) => token !== '')
    if (tokens.length === 0 || tokens.length > MAX_BATCH) {
      const said =
        tokens.length === 0
          ? 'there should be at least one submission in a batch'
          : `number of submissions in a batch should be less than or equal to ${MAX_BATCH}`
      return sendError(reply, 400, said)
    }
    return sendAll(host, request as Asked, reply, { tokens, fields })
  })
  app.get(at, { config: { rateLimit: {} } }, async (request, reply) => {
    const { query, caller } = request as Asked
    const fields = knownFields(query, reply)
    if (!fields) return reply
    const page = pageIn(query)
    if ('wrong' in page) return sendError(reply, 400, page.wrong)
    const before = (page.page - 1) * page.perPage
    const { tokens, total } = await submissions.list(caller, before, page.perPage)
    const meta = metaOf(page, total)
    return sendAll(host, request as Asked, reply, { tokens, fields, meta })
  })
  app.get(`${at}/:token`, async (request, reply) => {
    const { query, params, caller } = request as Asked
    const fields = knownFields(query, reply)
    if (!fields) return reply
    const found = await find(host, caller, params.token, fields)
    if (!found) return sendError(reply, 404, NOT_FOUND)
    return send(host, reply, caller, told(host, found, fields, query))
  })
  app.delete(`${at}/:token`, async (request, reply) => {
    const { query, params, caller } = request as Asked
    const fields = knownFields(query, reply)
    if (!fields) return reply
    const found = await find(host, caller, params.token, fields)
    if (!found) return sendError(reply, 404, NOT_FOUND)
    if (found.run.state !== 'ended') {
      const id = statusOf(found)
      return sendError(reply, 400, `${QUEUED} ${id} (${statuses[id - 1]?.description})`)
    }
    const last = told(host, found, fields, query)
    await submissions.remove(found.run)
    host.callbacks.drop(caller, found.run.id)
    return send(host, reply, caller, last)
  })
}

/** Sends several submissions. Each is on the caller's account as soon as it was read. */
async function sendAll(
  host: SubmissionHost,
  { caller, query }: Asked,
  reply: FastifyReply,
  asked: { tokens: readonly string[]; fields: readonly string[]; meta?: object },
): Promise<FastifyReply> {
  const { tokens, fields, meta } = asked
  const all: (object | null)[] = []
  const known = new Map<string, Record<string, unknown> | null>()
  const giveBack: (() => void)[] = []
  try {
    for (const token of tokens) {
      if (!host.answers.hasRoomFor(caller)) throw unreadAnswers()
      let one = known.get(token)
      if (one === undefined) {
        const found = await find(host, caller, token, fields)
        one = found && told(host, found, fields, query)
        known.set(token, one)
      }
      const bytes = Object.values(one ?? {}).reduce<number>(
        (sum, value) => sum + (typeof value === 'string' ? value.length : 0),
        0,
      )
      giveBack.push(host.answers.keep(caller, bytes, () => reply.raw.destroy()))
      all.push(one)
    }
    // One that has gone since the list was made is not in it.
    const submissions = meta === undefined ? all : all.filter((one) => one !== null)
    return send(host, reply, caller, { submissions, ...(meta && { meta }) })
  } finally {
    for (const give of giveBack) give()
  }
}

const NOT_FOUND = 'There is no such submission, or no more'

/** @throws Refused when the caller has not read what it was answered before */
async function find(
  { submissions, answers }: SubmissionHost,
  caller: string,
  token: string,
  fields: readonly string[],
): Promise<Submission | null> {
  if (!answers.hasRoomFor(caller)) throw unreadAnswers()
  return submissions.find(caller, token, wantedOf(fields))
}

function wantedOf(fields: readonly string[]): WantedTexts {
  const isWhole = [ADDITIONAL, 'source_code', 'stdin'].some((name) => fields.includes(name))
  return { isWhole, hasExpected: fields.includes('expected_output') }
}

/** Holds what a request holds until it is answered. */
async function withCall(
  host: SubmissionHost,
  request: Asked,
  reply: FastifyReply,
  work: (call: Call) => Promise<FastifyReply>,
): Promise<FastifyReply> {
  const call = beginCall(request, reply, host)
  try {
    return await work(call)
  } catch (error) {
    return sendFailure(call.cause(error as Error), request, reply)
  } finally {
    call.end()
  }
}

function knownFields({ fields: text }: Query, reply: FastifyReply): readonly string[] | null {
  const fields = fieldsIn(text)
  if (!('unknown' in fields)) return fields
  sendError(reply, 400, `invalid fields: [${fields.unknown.join(', ').slice(0, 200)}]`)
  return null
}

/** @throws Refused when too many callbacks of the caller wait */
function assertCallbacks(
  { callbacks }: SubmissionHost,
  caller: string,
  inputs: readonly RunInput[],
) {
  const wanted = inputs.filter(({ own }) => (own as Record<string, unknown>).callback_url !== null)
  if (wanted.length > 0) callbacks.assertRoom(caller, wanted.length)
}

/** @returns what was accepted, or what is wrong with it */
async function accept(
  host: SubmissionHost,
  input: RunInput,
  query: Query,
  call: Call,
): Promise<{ run: RunInfo } | { wrong: Wrong }> {
  const { templates, submissions, webhooks } = host
  const policy = webhooks.policy as CallbackPolicy | null
  const checked = checkSubmission(input, judgeLanguages(templates), (url) =>
    policy === null ? 'callbacks are not allowed' : callbackIssue(policy, url),
  )
  if ('wrong' in checked) return checked
  const isBase64 = query.base64_encoded === 'true'
  const decoded = (bytes: Buffer) =>
    isBase64 ? Buffer.from(bytes.toString('latin1'), 'base64') : bytes
  const source = decoded(input.code)
  const stdin = input.stdin && decoded(input.stdin)
  const large = (name: string) => input.files.find(({ path }) => path === name)?.content ?? null
  const expected = large(EXPECTED)
  const { has_source: _, ...values } = input.own as Record<string, unknown>
  const archive = large(ADDITIONAL)
  const additional = archive?.length ? Buffer.from(archive.toString('latin1'), 'base64') : null
  const unpacked = new AbortController()
  const held = host.inputs.open(call.caller, () => unpacked.abort())
  let accepted: RunInfo
  try {
    const files = additional === null ? [] : await unpack(additional, held)
    if ('wrong' in files) return { wrong: { additional_files: [files.wrong] } }
    if (unpacked.signal.aborted) throw overBudget()
    const asked = { ...checked.input, code: source, stdin, files }
    const run = admit(asked, templates, call.caller, randomUUID())
    const submitted = { values, source, stdin, additional, expected: expected && decoded(expected) }
    accepted = await submissions.accept(run, submitted)
  } finally {
    held.release()
  }
  if (typeof values.callback_url === 'string') callBack(host, accepted, values.callback_url)
  return { run: accepted }
}

/** Sends a submission where its caller wants it, once it has ended. */
function callBack(host: SubmissionHost, run: RunInfo, url: string): void {
  const { submissions, callbacks, jobs } = host
  const { owner, id } = run
  // A stop wakes it, too.
  const never = new AbortController().signal
  const body = async () => {
    const found = await submissions.find(owner, id, wantedOf(DEFAULT_FIELDS))
    const query = { base64_encoded: 'true' }
    return found && JSON.stringify(told(host, found, DEFAULT_FIELDS, query))
  }
  const ended = untilEnded(run, jobs, never).then((end) => end !== null)
  callbacks.add(owner, { token: id, url, ended, body })
}

function told(
  { templates }: SubmissionHost,
  submission: Submission,
  fields: readonly string[],
  { base64_encoded }: Query,
): Record<string, unknown> {
  const languages = judgeLanguages(templates)
  return presentSubmission(submission, fields, base64_encoded === 'true', languages)
}

/** It is on the caller's account until it has been read. */
function send(
  { answers }: SubmissionHost,
  reply: FastifyReply,
  caller: string,
  body: object,
): FastifyReply {
  const text = JSON.stringify(body)
  answers.hold(caller, text.length, reply.raw)
  return reply.type('application/json; charset=utf-8').send(text)
}
