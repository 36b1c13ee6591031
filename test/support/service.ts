import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { onTestFinished } from 'vitest'
import { projectDir } from '../../src/config.ts'
import { scaledMs, TIME_SCALE } from '../../src/lib/time-scale.ts'
import { MIB } from '../../src/lib/units.ts'
import { readMachine } from '../../src/setup/machine.ts'
import { Client } from './client.ts'
import { scaledWallTimeMs } from './manager.ts'

/** The real service in a process of its own, started as npm start does. */
export interface Service {
  readonly client: Client
  readonly pid: number
  readonly output: () => string
  kill(signal: NodeJS.Signals): void
  /** Resolves with the exit code, or the signal that ended it. */
  ended(): Promise<number | NodeJS.Signals>
}

/** Has something done when a test ends. A test that runs beside others takes its context's own. */
type AtEnd = (work: () => Promise<void>) => void

/**
 * A setting for startService(): one run may use a quarter of the memory, so that no lean and no rich pools
 * fit beside the others. Few tests need them, and each start would fill them.
 */
export function withoutVariants(): Record<string, string> {
  return { SANDBOX_MAX_MEMORY: `${Math.ceil(readMachine().memoryBytes / 4 / MIB)}m` }
}

/** Resolves when the service has said that it serves; rejects when it ends before that. */
export async function startService(
  env: Record<string, string> = {},
  through: readonly string[] = [],
  command?: readonly string[],
  atEnd?: AtEnd,
): Promise<Service> {
  const port = env.SANDBOX_EXECUTOR_MANAGER_PORT ?? String(await freePort())
  const settings = { SANDBOX_EXECUTOR_MANAGER_PORT: port, ...env }
  const service = launchService(settings, through, command, atEnd)
  const serving = new Promise<void>((resolve, reject) => {
    const timer = setInterval(() => {
      if (!service.output().includes('serves on')) return
      clearInterval(timer)
      resolve()
    }, 20)
    void service.ended().then((end) => {
      clearInterval(timer)
      reject(new Error(`the service ended with ${end}: ${service.output()}`))
    })
  })
  await serving
  service.client.url = `http://${env.EXECUTOR_MANAGER_HOST ?? '127.0.0.1'}:${port}`
  return service
}

/**
 * Started, and no more. Whatever the test does, it ends with the test.
 * @param through a command that becomes the service in the end, such as `sh -c 'ulimit ...; exec "$@"' sh`
 * @param command what starts it
 */
export function launchService(
  env: Record<string, string>,
  through: readonly string[] = [],
  command: readonly string[] = [process.execPath, 'scripts/bootstrap.mjs', 'start'],
  atEnd: AtEnd = onTestFinished,
): Service {
  const words = [...through, ...command]
  const child = spawn(words[0] as string, words.slice(1), {
    cwd: projectDir(),
    env: {
      ...process.env,
      NODE_ENV: 'production',
      SANDBOX_EXECUTOR_MANAGER_POOL_SIZE: '1',
      SANDBOX_TIMEOUT: `${scaledWallTimeMs(5000)}ms`,
      ...(TIME_SCALE > 1 ? { EXECUTOR_MANAGER_QUEUE_WAIT: `${scaledMs(10_000)}ms` } : {}),
      SANDBOX_CODE_POLICY: 'off',
      EXECUTOR_MANAGER_LOG_LEVEL: 'warn',
      // A renewal makes sandboxes that a test does not expect.
      EXECUTOR_MANAGER_SNAPSHOT_AGE: 'off',
      EXECUTOR_MANAGER_READY_SESSIONS: '0',
      EXECUTOR_MANAGER_BUILD_WORKSPACE: 'off',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString()
    })
  }
  const ended = endOf(child)
  atEnd(async () => {
    child.kill('SIGKILL')
    await ended
  })
  return {
    client: new Client(),
    pid: child.pid as number,
    output: () => output,
    kill: (signal) => child.kill(signal),
    ended: () => ended,
  }
}

async function endOf(child: ChildProcess): Promise<number | NodeJS.Signals> {
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
  return code ?? (signal as NodeJS.Signals)
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}
