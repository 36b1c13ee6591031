import { request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Bench } from './context.ts'
import { programOf } from './programs.ts'
import type { Service } from './service.ts'
import { type Summary, summarize } from './statistics.ts'
import { figure, percentileCells, type Report, ratio } from './table.ts'
import { type Failures, failureCell, Tally } from './tally.ts'

/** The native API beside `/run`, and its streams. */
export interface NativeFigures {
  /** The same program by turns through both. */
  readonly runMs: Summary
  readonly nativeMs: Summary
  /** From the write in the sandbox until the event is here: the first of a run, and all of them. */
  readonly firstOutputMs: Summary
  readonly outputMs: Summary
  readonly manyStreams: {
    readonly count: number
    readonly endMs: Summary
    readonly retries: number
  }
  readonly failures: Failures
}

const PROGRAM = programOf('python')
const MANY_STREAMS = 200
const LINES = 20
/** Says when it writes. The sandbox has the host's clock. */
const TELLS_TIME = `import time
for _ in range(${LINES}):
    print(time.time_ns(), flush=True)
    time.sleep(0.02)`
const FLOOD = 'print("x" * 900_000)'
const RETRY_MS = 1000

export async function measureNative(bench: Bench, service: Service): Promise<NativeFigures> {
  const { options, interrupt } = bench
  const client = service.client()
  const [byRun, byNative] = [new Tally(), new Tally()]
  const rest = async () => {
    await service.untilFull(client)
    await sleep(options.pauseMs, undefined, { signal: interrupt })
  }
  const first: number[] = []
  const all: number[] = []
  try {
    bench.say('/v1/runs beside /run')
    for (let count = 0; count <= options.samples; count++) {
      for (const [tally, path] of [[byRun, '/run'] as const, [byNative, '/v1/runs'] as const]) {
        await rest()
        const run = await client.run(PROGRAM, path)
        if (count > 0) tally.add(run)
      }
    }
    bench.say('streams')
    for (let count = 0; count < options.slowSamples; count++) {
      await rest()
      const late: number[] = []
      await stream(service, { code: TELLS_TIME }, (text) => {
        const nowMs = performance.timeOrigin + performance.now()
        for (const ns of text.match(/\d+/g) ?? []) late.push(nowMs - Number(ns) / 1e6)
      })
      if (late[0] !== undefined) first.push(late[0])
      all.push(...late)
    }
  } finally {
    client.close()
  }
  bench.say(`${MANY_STREAMS} streams at once, beside one that is not read`)
  const manyStreams = await measureManyStreams(service, interrupt)
  return {
    runMs: summarize(byRun.latenciesMs),
    nativeMs: summarize(byNative.latenciesMs),
    firstOutputMs: summarize(first),
    outputMs: summarize(all),
    manyStreams,
    failures: { ...byRun.failures, ...byNative.failures },
  }
}

async function measureManyStreams(service: Service, interrupt: AbortSignal) {
  const slow = new AbortController()
  // It reads nothing: its end is not waited for.
  void stream(service, { code: FLOOD, address: '127.0.1.1', signal: slow.signal }, null)
  let retries = 0
  const one = async (index: number): Promise<number> => {
    const started = performance.now()
    for (;;) {
      interrupt.throwIfAborted()
      const address = `127.0.2.${index + 1}`
      const status = await stream(service, { code: 'print(42)', address }, () => {})
      if (status === 200) return performance.now() - started
      retries++
      await sleep(RETRY_MS, undefined, { signal: interrupt })
    }
  }
  try {
    const ends = await Promise.all(Array.from({ length: MANY_STREAMS }, (_, index) => one(index)))
    return { count: MANY_STREAMS, endMs: summarize(ends), retries }
  } finally {
    slow.abort()
  }
}

interface StreamOptions {
  readonly code: string
  readonly address?: string
  readonly signal?: AbortSignal
}

/**
 * Runs Python code as a stream.
 * @param onText told of what is printed as it comes; null: nothing is read
 * @returns the status of the answer, when it has ended; 0 where it broke off
 */
function stream(
  service: Service,
  { code, address = '127.0.0.1', signal }: StreamOptions,
  onText: ((text: string) => void) | null,
): Promise<number> {
  const body = JSON.stringify({ language: 'python', code })
  return new Promise((resolve) => {
    const sent = request(
      {
        host: '127.0.0.1',
        port: service.port,
        path: '/v1/runs',
        method: 'POST',
        localAddress: address,
        agent: false,
        headers: {
          accept: 'text/event-stream',
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
        },
        ...(signal ? { signal } : {}),
      },
      (response) => {
        response.on('close', () => resolve(response.complete ? (response.statusCode ?? 0) : 0))
        response.on('error', () => {})
        if (onText === null) return
        let text = ''
        response.setEncoding('utf8').on('data', (chunk: string) => {
          const events = (text + chunk).split('\n\n')
          text = events.pop() ?? ''
          for (const event of events) {
            const data = /^event: stdout\ndata: (.*)$/m.exec(event)?.[1]
            if (data !== undefined) onText((JSON.parse(data) as { text: string }).text)
          }
        })
      },
    )
    sent.on('error', () => resolve(0))
    sent.end(body)
  })
}

/** p50 of the native API to that of `/run`. */
export function nativeRatio({ runMs, nativeMs }: NativeFigures): number {
  return nativeMs.p50 / runMs.p50
}

export function nativeReport(figures: NativeFigures): Report {
  const { runMs, nativeMs, firstOutputMs, outputMs, manyStreams, failures } = figures
  const row = (title: string, summary: Summary, failed = '') => [
    title,
    ...percentileCells(summary),
    figure(summary.max),
    String(summary.count),
    failed,
  ]
  return {
    title: 'The native API: `POST /v1/runs`',
    columns: ['what', 'p50 ms', 'p90 ms', 'p99 ms', 'max ms', 'times', 'failed'],
    rows: [
      row(`${PROGRAM.title} by \`/run\``, runMs, failureCell(failures)),
      row(`${PROGRAM.title} by \`/v1/runs\`, by turns with it`, nativeMs),
      row('first output of a stream, from its write in the sandbox', firstOutputMs),
      row('all output', outputMs),
      row(`${manyStreams.count} streams at once, until each has ended`, manyStreams.endMs),
    ],
    notes: [
      `\`/v1/runs\` to \`/run\` at p50: ${ratio(nativeRatio(figures))}. Beside the ${manyStreams.count} ` +
        `streams, of as many callers, one caller read nothing; ${manyStreams.retries} times a stream was ` +
        'refused for want of an executor and asked for again.',
    ],
  }
}
