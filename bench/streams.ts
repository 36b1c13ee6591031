import { request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Service } from './service.ts'
import { type Summary, summarize } from './statistics.ts'

/** Many streams at once, each of another caller. */
export interface ManyStreams {
  readonly count: number
  /** From the write in the sandbox until the event is here, of the first output of each. */
  readonly firstOutputMs: Summary
  /** From the request until the last event: they wait for executors, which two or more processors make. */
  readonly endMs: Summary
  /** How often a stream was refused for want of an executor, and asked for again. */
  readonly refused: number
}

const MANY_STREAMS = 200
/** Says when it writes. The sandbox has the host's clock. */
const TELLS_TIME = 'import time\nprint(time.time_ns(), flush=True)'
/** Less than the limit of output, and more than the buffers of a connection take. */
const FLOOD = 'for _ in range(90): print("x" * 10_000, flush=True)'
const RETRY_MS = 1000

/** @param besideSlow while another caller has streams of much output, of which it reads nothing */
export async function measureManyStreams(
  service: Service,
  interrupt: AbortSignal,
  besideSlow: boolean,
): Promise<ManyStreams> {
  const slow = new AbortController()
  // It reads nothing: its end is not waited for.
  if (besideSlow) {
    void stream(service, { code: FLOOD, address: '127.0.1.1', signal: slow.signal }, null)
  }
  const late: number[] = []
  let refused = 0
  const one = async (index: number): Promise<number> => {
    const started = performance.now()
    const address = `127.0.2.${index + 1}`
    for (;;) {
      interrupt.throwIfAborted()
      const status = await stream(service, { code: TELLS_TIME, address }, (text) => {
        late.push(...latenesses(text))
      })
      if (status === 200) return performance.now() - started
      refused++
      await sleep(RETRY_MS, undefined, { signal: interrupt })
    }
  }
  try {
    const ends = await Promise.all(Array.from({ length: MANY_STREAMS }, (_, index) => one(index)))
    return {
      count: MANY_STREAMS,
      firstOutputMs: summarize(late),
      endMs: summarize(ends),
      refused,
    }
  } finally {
    slow.abort()
  }
}

/** How long ago each of the times was, of which a program has printed nanoseconds of the epoch: milliseconds. */
export function latenesses(text: string): number[] {
  const nowMs = performance.timeOrigin + performance.now()
  return (text.match(/\d+/g) ?? []).map((ns) => nowMs - Number(ns) / 1e6)
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
export function stream(
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
