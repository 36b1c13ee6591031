import { randomUUID } from 'node:crypto'
import type { CallToolResult, McpServer, ServerContext } from '@modelcontextprotocol/server'
import type { RunInfo } from '../../jobs/jobs.ts'
import { untilEnded } from '../v1/accept.ts'
import { admit } from '../v1/admit.ts'
import { invalid, problemOf } from '../v1/problems.ts'
import { checkRun } from '../v1/read-run.ts'
import { tellProblem } from '../v1/tell.ts'
import { type McpCall, type McpService, NOTHING } from './call.ts'
import { presentOutcome } from './present.ts'
import {
  getRunInput,
  type RunCodeAnswer,
  runCodeInput,
  runIdInput,
  type StartedRunAnswer,
  startedRunOutput,
} from './schemas.ts'
import { storedOutcome, tailOf } from './stored-runs.ts'

/** How long get_run waits for an end at most: clients give up after 60 s. */
const LONGEST_WAIT_MS = 45_000

const START_RUN = `Start a program in a fresh, isolated sandbox and return at once with its run_id. For programs that take longer than a minute; use run_code for all others. Get its output with get_run. It waits for its turn and goes on by itself; its outcome is kept until expires_at.`
const GET_RUN = `Get the outcome of a run that start_run has started. While the program runs, waits up to wait_seconds for its end, then tells the end of its output so far.`

/** Adds the tools for programs that run longer than a client waits for an answer. */
export function addLongRunTools(
  server: McpServer,
  service: McpService,
  call: McpCall,
  openWorldHint: boolean,
): void {
  const { jobs } = service
  const { caller } = call.request
  const changes = { readOnlyHint: false, destructiveHint: false, openWorldHint }
  const answer = { outputSchema: startedRunOutput }
  const start = { inputSchema: runCodeInput, annotations: changes, ...answer }
  server.registerTool('start_run', { title: 'Start a run', description: START_RUN, ...start }, () =>
    told(service, call, () => startRun(service, call)),
  )
  const annotations = { readOnlyHint: true, openWorldHint: false }
  const get = { inputSchema: getRunInput, annotations, ...answer }
  server.registerTool(
    'get_run',
    { title: 'Get a run', description: GET_RUN, ...get },
    ({ run_id, wait_seconds }, { mcpReq }: ServerContext) =>
      told(service, call, async () => {
        const run = await jobs.find(caller, run_id)
        if (!run || run.state === 'ended' || wait_seconds === 0) return run ?? run_id
        const waited = AbortSignal.timeout(Math.min(LONGEST_WAIT_MS, wait_seconds * 1000))
        const either = AbortSignal.any([waited, mcpReq.signal, call.signal])
        const ended = await untilEnded(run, jobs, either)
        return ended ?? (await jobs.find(caller, run_id)) ?? run_id
      }),
  )
  server.registerTool(
    'cancel_run',
    {
      title: 'Cancel a run',
      description: 'End a program that start_run has started.',
      inputSchema: runIdInput,
      annotations: { ...changes, idempotentHint: true },
      ...answer,
    },
    ({ run_id }) => told(service, call, async () => (await jobs.cancel(caller, run_id)) ?? run_id),
  )
}

/** Once this resolves the run is executed, whatever becomes of this process. */
async function startRun({ jobs, templates }: McpService, call: McpCall): Promise<RunInfo> {
  const read = checkRun(call.run?.value, call.run?.bulk ?? NOTHING, '')
  if ('issues' in read) throw invalid(read.issues)
  const run = admit(read.value, templates, call.request.caller, randomUUID())
  const accepted = await jobs.accept(run, { idempotency: null, callback: null })
  call.giveBodyBack()
  return accepted.run
}

/** @param find the run, or the id of one that is not there */
async function told(
  service: McpService,
  call: McpCall,
  find: () => Promise<RunInfo | string>,
): Promise<CallToolResult> {
  try {
    const run = await find()
    return typeof run === 'string' ? unknown(run) : await answerOf(run, service)
  } catch (error) {
    const problem = problemOf(call.cause(error as Error))
    tellProblem(call.request, null, problem.problem, error as Error, service)
    return failed(problem.message)
  }
}

async function answerOf(run: RunInfo, { jobs }: McpService): Promise<CallToolResult> {
  const { id, owner, state, problem, detail, expiresMs } = run
  const expires_at = expiresMs === null ? null : new Date(expiresMs).toISOString()
  if (state !== 'ended') {
    const tail = await tailOf(jobs, run)
    const text = `[${state}] run_id ${id}`
    const structuredContent = { run_id: id, state, output: tail, outcome: null, expires_at }
    const whole = tail === '' ? text : `${text}\n${tail}`
    return { content: [{ type: 'text', text: whole }], structuredContent }
  }
  if (problem !== null) return failed(detail)
  const outcome = await storedOutcome(jobs, owner, id)
  if (outcome === null) return unknown(id)
  // All of it is in the store.
  const { content, structuredContent } = presentOutcome(
    id,
    outcome,
    (parts) => new Set(parts.keys()),
  )
  const answer: StartedRunAnswer = {
    run_id: id,
    state,
    output: '',
    outcome: structuredContent as RunCodeAnswer,
    expires_at,
  }
  return { content, structuredContent: answer }
}

function unknown(id: string): CallToolResult {
  return failed(`There is no run ${id.slice(0, 100)}, or no more.`)
}

function failed(text: string): CallToolResult {
  return { isError: true, content: [{ type: 'text', text }] }
}
