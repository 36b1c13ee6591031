import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { CallToolResult, McpServer, ServerContext } from '@modelcontextprotocol/server'
import { admit } from '../v1/admit.ts'
import { invalid, problemOf } from '../v1/problems.ts'
import { checkRun } from '../v1/read-run.ts'
import { tellOutcome, tellProblem } from '../v1/tell.ts'
import { type McpCall, type McpService, NOTHING } from './call.ts'
import { KEPT_MS, type KeptResults } from './kept-results.ts'
import { presentOutcome } from './present.ts'
import {
  getRunInput,
  type RunCodeAnswer,
  runCodeInput,
  runIdInput,
  startedRunOutput,
} from './schemas.ts'
import type { StartedRun, StartedRuns } from './started-runs.ts'

/** How long get_run waits for an end at most: clients give up after 60 s. */
const LONGEST_WAIT_MS = 45_000
const MINUTES = KEPT_MS / 60_000

const START_RUN = `Start a program in a fresh, isolated sandbox and return at once with its run_id. For programs that take longer than a minute; use run_code for all others. Get its output with get_run within ${MINUTES} minutes after its end. The run ends when the service restarts.`
const GET_RUN = `Get the outcome of a run that start_run has started. While the program runs, waits up to wait_seconds for its end, then tells the end of its output so far.`

/** The tools for programs that run longer than a client waits for an answer. */
export function addLongRunTools(
  server: McpServer,
  service: McpService,
  results: KeptResults,
  runs: StartedRuns,
  call: McpCall,
  openWorldHint: boolean,
): void {
  const changes = { readOnlyHint: false, destructiveHint: false, openWorldHint }
  const answer = { outputSchema: startedRunOutput }
  const start = { inputSchema: runCodeInput, annotations: changes, ...answer }
  server.registerTool('start_run', { title: 'Start a run', description: START_RUN, ...start }, () =>
    startRun(service, results, runs, call),
  )
  const annotations = { readOnlyHint: true, openWorldHint: false }
  const get = { inputSchema: getRunInput, annotations, ...answer }
  server.registerTool(
    'get_run',
    { title: 'Get a run', description: GET_RUN, ...get },
    ({ run_id, wait_seconds }, { mcpReq }: ServerContext) =>
      getRun(runs, call, run_id, wait_seconds, mcpReq.signal),
  )
  server.registerTool(
    'cancel_run',
    {
      title: 'Cancel a run',
      description: 'End a program that start_run has started, and get what it has left.',
      inputSchema: runIdInput,
      annotations: { ...changes, idempotentHint: true },
      ...answer,
    },
    async ({ run_id }) => {
      const run = runs.find(call.request.caller, run_id)
      run?.cancel()
      await run?.ended
      return run ? told(run) : unknown(run_id)
    },
  )
}

function startRun(
  service: McpService,
  results: KeptResults,
  runs: StartedRuns,
  call: McpCall,
): CallToolResult {
  const { request } = call
  const { caller } = request
  try {
    const read = checkRun(call.run?.value, call.run?.bulk ?? NOTHING, '')
    if ('issues' in read) throw invalid(read.issues)
    const run = admit(read.value, service.templates, caller, randomUUID())
    const { id, program, files, stdin } = run
    const bytes = [program.code, stdin, ...files.map(({ content }) => content)].reduce(
      (sum, part) => sum + (part?.length ?? 0),
      0,
    )
    const started = runs.start(id, caller, bytes, async (options) => {
      try {
        const outcome = await service.runs.start(run, options)
        tellOutcome(request, run, outcome, service)
        return presentOutcome(id, outcome, (parts) => results.keep(caller, id, parts))
      } catch (error) {
        const problem = problemOf(error as Error)
        tellProblem(request, run, problem.problem, error as Error, service)
        return { isError: true, content: [{ type: 'text', text: problem.message }] }
      }
    })
    return told(started)
  } catch (error) {
    const problem = problemOf(call.cause(error as Error))
    tellProblem(request, null, problem.problem, error as Error, service)
    return { isError: true, content: [{ type: 'text', text: problem.message }] }
  }
}

async function getRun(
  runs: StartedRuns,
  call: McpCall,
  id: string,
  seconds: number,
  signal: AbortSignal,
): Promise<CallToolResult> {
  const run = runs.find(call.request.caller, id)
  if (!run) return unknown(id)
  const waits = new AbortController()
  const either = AbortSignal.any([waits.signal, signal, call.signal])
  const ms = Math.min(LONGEST_WAIT_MS, seconds * 1000)
  if (!run.result) {
    await Promise.race([run.ended, sleep(ms, null, { signal: either }).catch(() => {})])
  }
  waits.abort()
  return told(run)
}

function told({ id, result, tail }: StartedRun): CallToolResult {
  if (result === null) {
    const structuredContent = { run_id: id, state: 'running', output: tail(), outcome: null }
    const text = `[running] run_id ${id}`
    const output = tail() === '' ? text : `${text}\n${tail()}`
    return { content: [{ type: 'text', text: output }], structuredContent }
  }
  if (result.isError) return result
  const outcome = result.structuredContent as RunCodeAnswer
  const structuredContent = { run_id: id, state: 'ended', output: '', outcome }
  return { content: result.content, structuredContent }
}

function unknown(id: string): CallToolResult {
  const text = `There is no run ${id.slice(0, 100)}, or no more: its outcome is kept for ${MINUTES} minutes.`
  return { isError: true, content: [{ type: 'text', text }] }
}
