import type { FastifyInstance } from 'fastify'
import type { KeptCommand } from '../../../sessions/kept-command.ts'
import type { OutputPiece } from '../../../sessions/output-ring.ts'
import type { E2bContext } from '../context.ts'
import { addMethod, addStreamMethod, type Call, deadlineExceeded } from './calls.ts'
import type { AnswerStream } from './connect/answer-stream.ts'
import { timeoutOf } from './connect/calls.ts'
import { ConnectError } from './connect/errors.ts'
import { message } from './connect/messages.ts'
import { addStreamInput, sendInput } from './process-input.ts'
import {
  dataEvent,
  endEvent,
  inputRequest,
  processInfo,
  selected,
  signalRequest,
  startRequest,
  updateRequest,
} from './process-messages.ts'
import { findLately, findRunning, startProcess } from './processes.ts'
import { absolute, userOf } from './users.ts'
import { WholeCharacters } from './whole-characters.ts'

const SERVICE = '/process.Process'
const [SIGKILL, SIGTERM] = [9, 15]
/** How long a kill waits for the end that it brings. */
const KILL_MS = 2000

/** Adds E2B's service process.Process: processes of a sandbox, which outlive the requests that start them. */
export function addProcessRoutes(app: FastifyInstance, context: E2bContext): void {
  const rateLimit = {}
  addStreamMethod(
    app,
    context,
    `${SERVICE}/Start`,
    startRequest,
    async (call, stream) => {
      const { request, use, sandbox, asked } = call
      const user = userOf(request)
      const { cmd, args, envs, cwd } = asked.process
      const command = await startProcess(
        use,
        user,
        {
          argv: [cmd, ...args],
          cwd: absolute(cwd ?? '', user),
          env: envs,
          tag: asked.tag ?? null,
          terminal: asked.pty ? { columns: asked.pty.size.cols, rows: asked.pty.size.rows } : null,
          // Of the process: it holds when the caller has gone, which it does at the same moment.
          wallTimeMs: timeoutOf(request),
        },
        sandbox.sandboxId,
      )
      if (!asked.stdin && !asked.pty) command.closeInput()
      await tellProcess(call, command, 0, stream)
    },
    { rateLimit },
  )
  addStreamMethod(app, context, `${SERVICE}/Connect`, selected, async (call, stream) => {
    const command = findLately(call.use.commands, call.asked.process)
    await tellProcess(call, command, command.span.next, stream)
  })
  addStreamInput(app, context, `${SERVICE}/StreamInput`)
  addMethod(app, context, `${SERVICE}/List`, message({}), async ({ use }) => ({
    processes: use.commands
      .list()
      .filter(({ isRunning }) => isRunning)
      .map(processInfo),
  }))
  addMethod(app, context, `${SERVICE}/SendInput`, inputRequest, async (call) => {
    const { use, asked, signal, sandbox } = call
    const command = findRunning(use.commands, asked.process)
    const entry = context.frames.open(sandbox.caller, () => {})
    await sendInput(command, asked.input, signal, entry)
    return {}
  })
  addMethod(app, context, `${SERVICE}/CloseStdin`, selected, async ({ use, asked }) => {
    const command = findRunning(use.commands, asked.process)
    if (command.record.hasTerminal) {
      const said = 'cannot close stdin for PTY process: send Ctrl+D (0x04) instead'
      throw new ConnectError('failed_precondition', said)
    }
    command.closeInput()
    return {}
  })
  addMethod(app, context, `${SERVICE}/SendSignal`, signalRequest, async ({ use, asked }) => {
    const { process, signal } = asked
    const command = findRunning(use.commands, process)
    if (signal !== SIGKILL && signal !== SIGTERM) {
      throw new ConnectError('unimplemented', `invalid signal: ${signal}`)
    }
    command.signal(signal)
    if (signal === SIGKILL) await endedOrLate(command)
    return {}
  })
  addMethod(app, context, `${SERVICE}/Update`, updateRequest, async ({ use, asked }) => {
    const command = findRunning(use.commands, asked.process)
    if (asked.pty) command.resize(asked.pty.size.cols, asked.pty.size.rows)
    return {}
  })
}

/** Tells of a process until it ends. @param from offset of the first byte of its output that is told */
async function tellProcess(
  { signal }: Pick<Call<unknown>, 'signal'>,
  command: KeptCommand,
  from: number,
  stream: AnswerStream,
): Promise<void> {
  const { record } = command
  await stream.send({ event: { start: { pid: record.pid } } })
  stream.keepAlive({ event: { keepalive: {} } })
  const characters = new WholeCharacters()
  const tell = async (name: OutputPiece['stream'], bytes: Buffer) => {
    if (bytes.length > 0) await stream.send(dataEvent(name, bytes, record.hasTerminal))
  }
  for await (const { stream: name, bytes } of command.output(from, signal)) {
    await tell(name, characters.take(name, bytes))
  }
  if (signal.aborted) return
  for (const [name, bytes] of characters.rest()) await tell(name, bytes)
  if (record.end === 'lost') stream.cut()
  else if (record.end === 'time') throw deadlineExceeded()
  else await stream.send(endEvent(record))
}

/** Who kills a process finds it gone when it is told so, unless a reader that lags has not been told of its end. */
async function endedOrLate({ ended }: KeptCommand): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, KILL_MS)
  })
  await Promise.race([ended, late])
  clearTimeout(timer)
}
