import { readFileSync } from 'node:fs'
import { Agent } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { MIB } from '../src/lib/units.ts'
import { httpCall } from './http-call.ts'
import type { Service } from './service.ts'
import { type Summary, summarize } from './statistics.ts'

/** Accepted runs that wait: what accepting one takes, and what waiting ones take of the service's memory. */
export interface AcceptedFigures {
  /** From the request until its 202. */
  readonly acceptMs: Summary
  readonly waiting: number
  /** What they were sent, all together. */
  readonly sentMib: number
  /** What the service's resident memory grew by meanwhile. */
  readonly grownMib: number
}

const RUNS = 1000
/** These warm the store up; memory is compared with what the service has then. */
const FIRST_RUNS = 200
/** Keeps executors busy: the others wait. */
const LASTING = 'import time; time.sleep(8)'
const HOLDERS = 8
const STDIN = 'x'.repeat(16 * 1024)
const SETTLE_MS = 1000
const CANCELS_AT_ONCE = 8

export async function measureAccepted(
  service: Service,
  interrupt: AbortSignal,
): Promise<AcceptedFigures> {
  const agent = new Agent({ keepAlive: true, maxSockets: CANCELS_AT_ONCE })
  const target = { port: service.port, agent, signal: interrupt }
  const ids: string[] = []
  const call = (method: string, path: string, body?: object) =>
    httpCall(target, method, path, body, { prefer: 'respond-async' })
  const accept = async (run: object): Promise<number> => {
    const started = performance.now()
    const { status, text } = await call('POST', '/v1/runs', { language: 'python', ...run })
    const tookMs = performance.now() - started
    if (status !== 202) throw new Error(`a run was not accepted: ${status} ${text}`)
    ids.push((JSON.parse(text) as { id: string }).id)
    return tookMs
  }
  const waiting = { code: 'print(1)', stdin: STDIN }
  try {
    for (let count = 0; count < HOLDERS; count++) await accept({ code: LASTING })
    for (let count = 0; count < FIRST_RUNS; count++) await accept(waiting)
    await sleep(SETTLE_MS, undefined, { signal: interrupt })
    const before = residentBytes(service.pid)
    const took: number[] = []
    for (let count = 0; count < RUNS; count++) took.push(await accept(waiting))
    await sleep(SETTLE_MS, undefined, { signal: interrupt })
    const after = residentBytes(service.pid)
    return {
      acceptMs: summarize(took),
      waiting: RUNS,
      sentMib: (RUNS * STDIN.length) / MIB,
      grownMib: (after - before) / MIB,
    }
  } finally {
    // The youngest first: the oldest are those that begin meanwhile. Then what is left of them.
    for (const _time of ['cancel', 'remove']) {
      const left = [...ids].reverse()
      const next = async (): Promise<void> => {
        for (let id = left.shift(); id !== undefined; id = left.shift()) {
          await call('DELETE', `/v1/runs/${id}`).catch(() => {})
        }
      }
      await Promise.all(Array.from({ length: CANCELS_AT_ONCE }, next))
    }
    agent.destroy()
  }
}

/** https://www.kernel.org/doc/html/latest/filesystems/proc.html: VmRSS, in KiB */
function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024
}
