import type { ChannelKernel, Connection } from './channel.ts'
import { executeCode } from './execute.ts'
import type { OwnedKernel } from './kernels.ts'
import type { JupyterRequest, KernelMessage } from './message.ts'
import { errorOf } from './present.ts'
import { fixedReply, type KernelLanguage } from './replies.ts'

/**
 * Returns what answers the clients of a kernel that runs one program. Who asks is answered alone, and a client that
 * goes ends the program.
 */
export function oneRunAnswers(owned: OwnedKernel, language: KernelLanguage): ChannelKernel {
  const ends = new Map<Connection, () => void>()
  return {
    join: (connection) => {
      const end = () => connection.close()
      ends.set(connection, end)
      owned.channels.add(end)
    },
    leave: (connection) => {
      const end = ends.get(connection)
      if (end) owned.channels.delete(end)
      ends.delete(connection)
    },
    take: (request, from) => answer(owned, language, request, from),
  }
}

async function answer(
  { kernel }: OwnedKernel,
  language: KernelLanguage,
  { type, channel, code, headerJson }: JupyterRequest,
  from: Connection,
): Promise<void> {
  const send = (message: KernelMessage) => from.send(message, headerJson)
  const state = (name: string) =>
    send({ channel: 'iopub', type: 'status', contentJson: `{"execution_state":"${name}"}` })
  state('busy')
  if (type === 'execute_request') {
    const program = code ?? Buffer.alloc(0)
    const count = kernel.executions + 1
    const run = async (options: Parameters<typeof kernel.execute>[1]) => {
      const outcome = await kernel.execute(program, options)
      return { ...outcome, error: errorOf(outcome) }
    }
    const execution = { code: program, count, isSilent: false, signal: from.gone, run }
    await executeCode(execution, send).finally(() => state('idle'))
    return
  }
  if (type === 'interrupt_request' || type === 'shutdown_request') kernel.interrupt()
  const reply = fixedReply(type, channel === 'control' ? 'control' : 'shell', language)
  if (reply) send(reply)
  state('idle')
}
