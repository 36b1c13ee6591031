import { scaledMs } from '../lib/time-scale.ts'
import { KernelLink } from '../supervisor/kernel-link.ts'
import type { ContextHost } from './context-host.ts'
import { ContextError, type ContextRecord, type Kernel } from './context-types.ts'
import { SESSION_ENV, SESSION_USER } from './user.ts'

/** How long a kernel may take until it is ready; on an idle machine it takes 0.3 s. */
const READY_MS = scaledMs(60_000)

/** A kernel that waits for its first run, and what is written down of its process. */
export interface StartedKernel {
  readonly link: KernelLink
  readonly process: NonNullable<ContextRecord['process']>
}

/**
 * Starts the process of a context. Resolves when it is ready.
 * @throws ContextError `failed`, ChannelError, SessionLostError
 */
export async function startKernel(
  { channels, env, limits }: ContextHost,
  kernel: Kernel,
  record: ContextRecord,
): Promise<StartedKernel> {
  const process = await channels.start({
    argv: kernel.argv,
    cwd: record.cwd,
    env: { ...SESSION_ENV, ...kernel.env, ...env, ...record.env },
    user: SESSION_USER,
    hasControl: true,
  })
  if (kernel.call === '') process.stdin.end()
  const link = new KernelLink(process, limits, null)
  const timer = setTimeout(() => link.kill(), READY_MS)
  await link.ready()
  clearTimeout(timer)
  if (link.isOver) {
    throw new ContextError('failed', `The process of the context ${record.id} did not start.`)
  }
  return { link, process: { channel: process.channel, pid: process.pid, ...link.state() } }
}
