import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { sizeOfPool } from '../src/runtimes/rich.ts'
import { Client } from './client.ts'
import type { Bench } from './context.ts'
import { parseMetrics, type Sample } from './metrics.ts'

const HEALTH_POLL_MS = 5
const POOL_POLL_MS = 20
const POOL_PATIENCE_MS = 120_000
/** A stop takes 10 s of grace at most, and then kills what runs. */
const STOP_PATIENCE_MS = 20_000

/** Settings that would keep this caller out or slow it down. */
const OWN_SETTINGS = {
  EXECUTOR_MANAGER_HOST: '127.0.0.1',
  EXECUTOR_MANAGER_LOG_LEVEL: 'silent',
  EXECUTOR_MANAGER_API_KEYS: '',
  SANDBOX_EXECUTOR_MANAGER_API_TOKEN: '',
  EXECUTOR_MANAGER_RATE_LIMIT: '',
  EXECUTOR_MANAGER_BUILD_WORKSPACE: 'off',
  EXECUTOR_MANAGER_SESSIONS: '250',
}

/** The real service, as `npm start` starts it, in a process of its own. */
export class Service {
  readonly port: number
  readonly pid: number
  /** From the spawn of the start command until `/healthz` answered 200. */
  readonly startMs: number
  readonly #child: ChildProcess
  readonly #bench: Bench

  private constructor(bench: Bench, child: ChildProcess, port: number, startMs: number) {
    this.#bench = bench
    this.#child = child
    this.port = port
    this.pid = child.pid as number
    this.startMs = startMs
  }

  /** @throws Error when it ends before it serves */
  static async start(bench: Bench): Promise<Service> {
    const port = await freePort()
    const started = performance.now()
    const child = spawn(process.execPath, [path.join('scripts', 'bootstrap.mjs'), 'start'], {
      cwd: bench.config.projectDir,
      env: { ...process.env, ...OWN_SETTINGS, SANDBOX_EXECUTOR_MANAGER_PORT: String(port) },
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    try {
      await untilHealthy(child, port, bench.interrupt)
      return new Service(bench, child, port, performance.now() - started)
    } catch (error) {
      await end(child)
      throw error
    }
  }

  client(): Client {
    return new Client(this.port, this.#bench.interrupt)
  }

  /** Waits until every pool has its executors and none is being made or removed. */
  async untilFull(client: Client): Promise<void> {
    const deadline = performance.now() + POOL_PATIENCE_MS
    while (!isFull(await this.metrics(client), this.#bench.config.poolSize)) {
      if (performance.now() > deadline) throw new Error('the pools do not become full')
      await sleep(POOL_POLL_MS, undefined, { signal: this.#bench.interrupt })
    }
  }

  /** Full, and back to the size that it keeps when nobody asks. */
  async untilSettled(client: Client): Promise<void> {
    const { poolSize } = this.#bench.config
    const deadline = performance.now() + POOL_PATIENCE_MS
    const settled = (samples: readonly Sample[]) =>
      isFull(samples, poolSize) &&
      samples.every((s) => !isReady(s) || s.value <= keptOf(s, poolSize))
    while (!settled(await this.metrics(client))) {
      if (performance.now() > deadline) throw new Error('the pools do not come to rest')
      await sleep(1000, undefined, { signal: this.#bench.interrupt })
    }
  }

  async metrics(client: Client): Promise<Sample[]> {
    return parseMetrics(await client.get('/metrics'))
  }

  /** Ends it as an operator would, and waits until it is gone. */
  stop(): Promise<void> {
    return end(this.#child)
  }
}

function isReady({ name, labels }: Sample): boolean {
  return name === 'executor_manager_executors' && labels.state === 'ready'
}

/** Ready executors that the sample's pool keeps. */
function keptOf({ labels }: Sample, poolSize: number): number {
  return sizeOfPool(labels.runtime ?? '', poolSize)
}

function isFull(samples: readonly Sample[], poolSize: number): boolean {
  const executors = samples.filter(({ name }) => name === 'executor_manager_executors')
  if (executors.length === 0) throw new Error('/metrics does not tell of executors')
  return executors.every((sample) =>
    isReady(sample) ? sample.value >= keptOf(sample, poolSize) : !sample.value,
  )
}

async function untilHealthy(child: ChildProcess, port: number, interrupt: AbortSignal) {
  const client = new Client(port, interrupt)
  try {
    for (;;) {
      if (child.exitCode !== null || child.signalCode !== null) {
        throw new Error(`the service ended before it served (${child.exitCode})`)
      }
      const healthy = await client.get('/healthz').catch(() => null)
      if (healthy !== null) return
      await sleep(HEALTH_POLL_MS, undefined, { signal: interrupt })
    }
  } finally {
    client.close()
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_PATIENCE_MS)
  await gone
  clearTimeout(timer)
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}
