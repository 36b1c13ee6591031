import { randomUUID } from 'node:crypto'
import type { CallToolResult } from '@modelcontextprotocol/server'
import type { MimeBundle } from '../../run/types.ts'
import type { ContextOutcome, ContextRun, Kernel } from '../../sessions/context-types.ts'
import { outcomeDetail, signalName } from '../v1/present.ts'
import { invalid } from '../v1/problems.ts'
import { checkRun, type RunInput } from '../v1/read-run.ts'
import { sessionStatusOf } from '../v1/sessions-contexts-present.ts'
import { logSessionRun } from '../v1/sessions-runs-route.ts'
import { NOTHING } from './call.ts'
import { presentOutcome, type ToldOutcome } from './present.ts'
import { progressOf } from './progress.ts'
import { answered, inSession, type SessionCall, unknownSession } from './session-call.ts'

/** Clients give up after 60 s. */
const TIMEOUT_S = 45

/** Runs a program of run_code in the context of its language in a session. */
export async function runInSession(host: SessionCall): Promise<CallToolResult> {
  const { sessions, results, call, mcpReq } = host
  const { caller } = call.request
  const { session, timeout_seconds = TIMEOUT_S, ...rest } = call.run?.value ?? {}
  const id = String(session)
  return answered(host, id, async () => {
    const read = checkRun(rest, call.run?.bulk ?? NOTHING, '')
    if ('issues' in read) throw invalid(read.issues)
    const { language, template } = read.value.fields
    if (template !== undefined) {
      throw invalid([{ pointer: '/template', detail: 'a session has the one it was opened with' }])
    }
    const contexts = sessions.contexts(caller, id)
    if (!contexts) throw unknownSession(id)
    const kernel = contexts.kernelOf({ language })
    const run = runOf(read.value, kernel, Number(timeout_seconds))
    return inSession(host, id, async (use, signal) => {
      const runId = randomUUID()
      const progress = progressOf(mcpReq)
      try {
        const outcome = await contexts.run(runId, { language }, use, run, {
          signal,
          onEvent: (event) => {
            if (event.type === 'started') call.giveBodyBack()
            progress?.tell(event)
          },
        })
        logSessionRun(call.request, id, runId, kernel.language, outcome)
        return presentOutcome(runId, toldOf(outcome), (parts) => results.keep(caller, runId, parts))
      } finally {
        progress?.end()
      }
    })
  })
}

function runOf({ code, stdin, files }: RunInput, kernel: Kernel, seconds: number): ContextRun {
  if (stdin !== null && !kernel.takesStdin) {
    const detail = `in a session ${kernel.language} takes no input`
    throw invalid([{ pointer: '/stdin', detail }])
  }
  const mode = kernel.modes.includes('cell') ? 'cell' : 'script'
  const wallTimeMs = seconds * 1000
  const { argumentsJson } = NOTHING
  return { code, mode, argumentsJson, argv: [], stdin, files, wallTimeMs, waits: true }
}

function toldOf(outcome: ContextOutcome): ToldOutcome {
  const { end, exitCode, signal, stdout, stderr, usage, notes, resultJson } = outcome
  const result = resultJson === null ? null : (JSON.parse(resultJson) as MimeBundle)
  const displays = result === null ? outcome.displays : [...outcome.displays, result]
  const said = end === 'lost' ? '' : outcomeDetail({ ...outcome, end })
  return {
    status: sessionStatusOf(outcome),
    exitCode,
    signal: signal === null ? null : signalName(signal),
    files: [],
    filesLeftOut: [],
    result: textsOf(displays),
    detail: [said, notes].filter((part) => part !== '').join(' '),
    ...{ stdout, stderr, displays, wallMs: usage.wallMs },
  }
}

/** What is shown in words: of an image, the words say less than itself. */
function textsOf(displays: readonly MimeBundle[]): string | null {
  const texts = displays.flatMap((bundle) => {
    const isImage = 'image/png' in bundle || 'image/jpeg' in bundle
    const text = bundle['text/plain'] ?? bundle['text/markdown']
    return isImage || typeof text !== 'string' ? [] : [text]
  })
  return texts.length === 0 ? null : texts.join('\n')
}
