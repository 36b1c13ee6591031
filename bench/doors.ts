import { Agent } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Bench } from './context.ts'
import { httpCall } from './http-call.ts'
import type { Service } from './service.ts'
import { type Summary, summarize } from './statistics.ts'
import { figure, percentileCells, type Report } from './table.ts'

/** One front door: the same program through each, by turns. */
export interface DoorFigure {
  readonly door: string
  readonly latencyMs: Summary
  readonly failed: number
}

interface DoorRequest {
  readonly door: string
  readonly path: string
  readonly body: object
  readonly accept?: string
}

/** What the native API is asked, with which the others are compared. */
const NATIVE = 'v1'
const CODE = 'print(1)'
/** What the Model Context Protocol may take beside the others. */
const MCP_EXTRA_MS = 4
const EXTRA_MS = 1

const REQUESTS: readonly DoorRequest[] = [
  { door: NATIVE, path: '/v1/runs', body: { language: 'python', code: CODE } },
  {
    door: 'ragflow',
    path: '/run',
    body: {
      code_b64: Buffer.from(`def main():\n    ${CODE}`).toString('base64'),
      language: 'python',
    },
  },
  { door: 'dify', path: '/v1/sandbox/run', body: { language: 'python3', code: CODE } },
  { door: 'librechat', path: '/librechat/v1/exec', body: { lang: 'py', code: CODE } },
  {
    door: 'mcp',
    path: '/mcp',
    accept: 'application/json, text/event-stream',
    body: {
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: { name: 'run_code', arguments: { language: 'python', code: CODE } },
    },
  },
]

/** Runs one at a time through each door by turns, each on a full pool and over a connection that is kept. */
export async function measureDoors(bench: Bench, service: Service): Promise<readonly DoorFigure[]> {
  bench.say('front doors')
  const { options, interrupt } = bench
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const target = { port: service.port, agent, signal: interrupt }
  const client = service.client()
  const timesMs = new Map<string, number[]>(REQUESTS.map(({ door }) => [door, []]))
  const failed = new Map<string, number>()
  try {
    // The first warms both ends; it does not count.
    for (let count = 0; count <= options.samples; count++) {
      for (const asked of REQUESTS) {
        await service.untilFull(client)
        await sleep(options.pauseMs, undefined, { signal: interrupt })
        const started = performance.now()
        const { path, body, accept = 'application/json' } = asked
        const { status } = await httpCall(target, 'POST', path, body, { accept })
        if (count === 0) continue
        if (status === 200) timesMs.get(asked.door)?.push(performance.now() - started)
        else failed.set(asked.door, (failed.get(asked.door) ?? 0) + 1)
      }
    }
  } finally {
    client.close()
    agent.destroy()
  }
  return REQUESTS.map(({ door }) => ({
    door,
    latencyMs: summarize(timesMs.get(door) ?? []),
    failed: failed.get(door) ?? 0,
  }))
}

/** What a door takes beyond the native API, at the median, and what it may take: milliseconds. */
export function doorExtras(
  figures: readonly DoorFigure[],
): { door: string; extraMs: number; limitMs: number }[] {
  const native = figures.find(({ door }) => door === NATIVE)?.latencyMs.p50 ?? Number.NaN
  return figures
    .filter(({ door }) => door !== NATIVE)
    .map(({ door, latencyMs }) => ({
      door,
      extraMs: latencyMs.p50 - native,
      limitMs: door === 'mcp' ? MCP_EXTRA_MS : EXTRA_MS,
    }))
}

export function doorsReport(figures: readonly DoorFigure[]): Report {
  const extras = new Map(doorExtras(figures).map(({ door, extraMs }) => [door, extraMs]))
  return {
    title: 'Front doors: the same Python program through each, by turns (ms)',
    columns: ['door', 'p50', 'p90', 'p99', 'p50 beyond v1', 'failed'],
    rows: figures.map(({ door, latencyMs, failed }) => [
      door,
      ...percentileCells(latencyMs),
      extras.has(door) ? figure(extras.get(door) as number) : '-',
      String(failed),
    ]),
  }
}
