import { pino } from 'pino'
import { afterAll, beforeAll, beforeEach } from 'vitest'
import { Accounts } from '../../src/api/accounts.ts'
import { ApiKeys } from '../../src/api/api-keys.ts'
import { buildApp } from '../../src/api/app.ts'
import { ParsingThread } from '../../src/api/parsing-thread.ts'
import { type Config, readConfig } from '../../src/config.ts'
import type { DatabaseOptions } from '../../src/jobs/database.ts'
import { Store } from '../../src/jobs/store.ts'
import { Metrics } from '../../src/metrics.ts'
import type { RunEvent, RunOptions, RunOutcome, RunRequest, Runs } from '../../src/run/types.ts'
import type { Sessions } from '../../src/sessions/types.ts'

/** The keys of two callers, named `one` and `two`. */
export const KEY = 'a-key-of-the-tests'
export const OTHER = 'another-key-of-the-tests'
export const keys = ApiKeys.parse(`one:${KEY},two:${OTHER}`) as ApiKeys

const LANGUAGES = new Map([
  ['python', 'python'],
  ['python3', 'python'],
])

/** An outcome of a run that ended well and left nothing, but for what is given. */
export function outcomeWith(part: Partial<RunOutcome> = {}): RunOutcome {
  return {
    end: 'exit',
    exitCode: 0,
    signal: null,
    stdout: Buffer.alloc(0),
    stderr: Buffer.alloc(0),
    flooded: null,
    error: null,
    denied: null,
    resultJson: null,
    displays: [],
    files: [],
    filesLeftOut: [],
    detail: null,
    usage: { wallMs: 2.5, cpuMs: 1, peakMemoryBytes: 1024 ** 2 },
    timings: { queueMs: 1, executeMs: 2, collectMs: 3 },
    ...part,
  }
}

/** Runs nothing: a test says what is told and how it ends. */
export class FakeRuns implements Runs {
  readonly requests: RunRequest[] = []
  events: RunEvent[] = [{ type: 'started', queueMs: 1 }]
  /** How a run ends, or what is thrown. */
  end: (request: RunRequest, signal: AbortSignal) => Promise<RunOutcome> = async () => outcomeWith()

  /** Forgets what was asked and what a test has set. */
  reset(): void {
    const { events, end } = new FakeRuns()
    this.requests.length = 0
    Object.assign(this, { events, end })
  }

  async start(
    request: RunRequest,
    { signal, onStart, onEvent, beforeCode }: RunOptions,
  ): Promise<RunOutcome> {
    this.requests.push(request)
    onStart?.()
    const [started, ...others] = this.events
    if (started) onEvent?.(started)
    await beforeCode?.()
    for (const event of others) onEvent?.(event)
    return this.end(request, signal)
  }
}

/**
 * The front doors over runs that a test makes up, listening on a port of the loopback device.
 * @returns the address, what counts runs, and what ends it
 */
export async function openDoors(
  runs: Runs,
  settings: Partial<Config> = {},
  storeOptions: Partial<DatabaseOptions> = {},
  logger = pino({ level: 'silent' }),
  sessions: Sessions | null = null,
) {
  const config = { ...readConfig({}), ...settings }
  const metrics = new Metrics({ executors: () => [], queued: () => 0, readySessions: () => [] })
  const accounts = new Accounts(config)
  const { keepMs, webhooks: _, ...limits } = config.jobs
  const store = new Store({ folder: null, limits, keepMs, ...storeOptions }, () => {})
  const app = await buildApp(
    {
      ...config,
      accounts,
      logger,
      metrics: metrics.registry,
    },
    {
      runs,
      languages: LANGUAGES,
      metrics,
      parsing: new ParsingThread(LANGUAGES),
      store,
      sessions,
      templates: [
        {
          name: 'python',
          languages: [...LANGUAGES.keys()],
          modes: ['script', 'function', 'cell'],
          limits: config.limits,
          network: 'none',
          version: '3.11.2',
          libraries: [{ name: 'python3-numpy', version: '1.24.2' }],
          preloaded: [],
        },
      ],
      status: () => ({ queued: 0, executors: [{ pool: 'python', state: 'ready', count: 1 }] }),
    },
  )
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const close = async () => {
    const closed = app.close()
    // fetch() opens connections ahead of requests; without this the server would wait for requests on them.
    app.server.closeAllConnections()
    await closed
    await store.close()
  }
  /** As the service does it: what callers wait for is finished. */
  const stop = () => app.close()
  return { url, metrics, accounts, store, close, stop }
}

export type Doors = Awaited<ReturnType<typeof openDoors>>

/**
 * Opens the front doors for the tests of a file or of a block, over runs that are as new before each test.
 * @param client is told the address
 * @returns the doors; nothing is in it before the first test begins
 */
export function useDoors(
  runs: Runs & { reset(): void },
  settings: Partial<Config> = {},
  client: { url: string } = { url: '' },
): Doors {
  const doors = {} as Doors
  beforeAll(async () => {
    Object.assign(doors, await openDoors(runs, settings))
    client.url = doors.url
  })
  afterAll(() => doors.close())
  beforeEach(() => runs.reset())
  return doors
}
