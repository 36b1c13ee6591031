/** Runs one program of ours on hostile data in a sandbox of its own: what it reads and writes is in the job's hands. */
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { ManagerError } from '../../errors.ts'
import type { Cgroup } from './cgroup.ts'
import { createCgroup } from './cgroup-factory.ts'
import { runCommand } from './command.ts'
import type { EngineContext } from './engine-context.ts'
import { Sandbox } from './sandbox.ts'
import { sandboxSpec } from './spec.ts'

/** A folder of the host that the sandbox reads. */
export interface ShownFolder {
  readonly from: string
  /** Below /run, which is empty and the sandbox's own. */
  readonly to: string
}

export interface Job {
  /** For the names of the sandbox and its files. */
  readonly name: string
  readonly rootfs: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly shown: readonly ShownFolder[]
  /** Whether it may connect to Unix sockets in those folders. */
  readonly opensSockets: boolean
  /** Size of /workspace, its only large place. Files there are memory. */
  readonly workspaceBytes: number
  readonly memoryBytes: number
  readonly timeoutMs: number
}

export interface JobEnd {
  /** The last 4 KiB of its standard error. They come from hostile code. */
  readonly errors: string
  /** The limit that ended it; null: it ended by itself. */
  readonly limit: 'memory' | 'time' | null
}

const PROCESSES = 256
const OPEN_FILES = 4096
const RUN_BYTES = 1024 * 1024
/** Of cgroup v2's scale, on which a run that has just begun has 10000. */
const CPU_WEIGHT = 10
let count = 0

/**
 * Runs a job to its end.
 * @param onOutput takes its standard output; what it throws ends the sandbox
 * @throws ManagerError ENGINE_FAILED, SHUTTING_DOWN, and what onOutput throws
 */
export async function runJob(
  context: EngineContext,
  job: Job,
  onOutput: (chunk: Buffer) => void,
): Promise<JobEnd> {
  const { setting, tree, owner, stopping, reaper } = context
  stopping.throwIfAborted()
  const id = `${job.name}-job-${++count}`
  const bundle = path.join(owner.runFolder, `bundle-${id}`)
  mkdirSync(bundle, { recursive: true })
  writeFileSync(path.join(bundle, 'config.json'), JSON.stringify(specOf(job)))
  const stateFolder = path.join(owner.runFolder, id)
  const flags = {
    ...setting,
    stateFolder,
    hasNetwork: false,
    hasRootImage: false,
    opensSockets: job.opensSockets,
  }
  const limits = { memoryBytes: job.memoryBytes, tasks: 64 + 4 * PROCESSES }
  const cgroup = createCgroup(tree, path.join(owner.name, id), limits)
  let sandbox: Sandbox | null = null
  let isLate = false
  const end = () => sandbox?.kill()
  const timer = setTimeout(() => {
    isLate = true
    end()
  }, job.timeoutMs)
  stopping.addEventListener('abort', end)
  try {
    cgroup.setCpuWeight(CPU_WEIGHT)
    sandbox = new Sandbox(
      [setting.runscPath, ...runCommand(flags, bundle, id)],
      stateFolder,
      cgroup,
    )
    for await (const chunk of sandbox.output) onOutput(chunk as Buffer)
    await sandbox.ended
    stopping.throwIfAborted()
    const isFull = cgroup.outOfMemoryKills() > 0
    return { errors: sandbox.errors, limit: isLate ? 'time' : isFull ? 'memory' : null }
  } catch (error) {
    stopping.throwIfAborted()
    if (error instanceof ManagerError) throw error
    const why = (error as Error).message
    throw new ManagerError('ENGINE_FAILED', `job ${id}: ${why}`, { cause: error })
  } finally {
    clearTimeout(timer)
    stopping.removeEventListener('abort', end)
    await reaper.remove(id, () => removal(sandbox, cgroup)).catch(() => {})
  }
}

async function removal(sandbox: Sandbox | null, cgroup: Cgroup): Promise<void> {
  if (sandbox) await sandbox.dispose()
  else await cgroup.remove()
}

function specOf({ rootfs, args, env, shown, workspaceBytes }: Job): object {
  const spec = sandboxSpec({
    rootfs,
    rootImage: null,
    hasNetwork: false,
    args,
    env,
    workspaceBytes,
    processes: PROCESSES,
    openFiles: OPEN_FILES,
  }) as { mounts: object[] }
  const own = {
    destination: '/run',
    type: 'tmpfs',
    source: 'tmpfs',
    options: ['nosuid', 'nodev', `size=${RUN_BYTES}`, 'mode=0755'],
  }
  const bound = shown.map(({ from, to }) => ({
    destination: to,
    type: 'bind',
    source: from,
    options: ['ro', 'nosuid', 'nodev', 'rbind'],
  }))
  return { ...spec, mounts: [...spec.mounts, own, ...bound] }
}
