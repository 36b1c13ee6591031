import { request } from 'node:http'
import { availableParallelism } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from './client.ts'
import type { Bench } from './context.ts'
import { type Program, programOf } from './programs.ts'
import type { Service } from './service.ts'
import { type Summary, summarize } from './statistics.ts'
import { percentileCells, type Report } from './table.ts'
import { type Failures, failureCell, Tally } from './tally.ts'

/** What an honest caller sees beside what another one does. */
export interface CallersFigure {
  readonly beside: string
  readonly latencyMs: Summary
  readonly failures: Failures
}

/** Each address is a caller of its own. */
const HONEST = '127.0.0.2'
const PAUSE_MS = 250
const SETTLE_MS = 1000
const INVALID_BODIES = 50
/** Valid JSON with many members, and a language that there is not. */
const INVALID_BODY = JSON.stringify({
  code_b64: 'eA==',
  language: 'none',
  arguments: Object.fromEntries(Array.from({ length: 400_000 }, (_, n) => [`name${n}`, n])),
})
const LOOP: Program = {
  ...programOf('python'),
  title: 'endless loop',
  code: 'def main():\n    while True: pass\n',
}

/** Runs of one caller, one at a time, beside what another caller sends again and again. */
export async function measureCallers(bench: Bench, service: Service): Promise<CallersFigure[]> {
  const loops = (count: number) => (isOver: () => boolean) =>
    Promise.all(Array.from({ length: count }, () => sendLoops(bench, service, isOver)))
  const bodies = (isOver: () => boolean) =>
    Promise.all(Array.from({ length: INVALID_BODIES }, () => sendInvalid(service, isOver)))
  const processors = availableParallelism()
  const figures: CallersFigure[] = []
  for (const [beside, attack] of [
    ['nobody', async () => {}],
    [`${processors} endless loops`, loops(processors)],
    [`${10 * processors} endless loops`, loops(10 * processors)],
    [`${INVALID_BODIES} large invalid bodies`, bodies],
  ] as const) {
    bench.say(`an honest caller beside ${beside}`)
    let isOver = false
    const attacked = attack(() => isOver)
    await sleep(SETTLE_MS, undefined, { signal: bench.interrupt })
    figures.push({ beside, ...(await measureHonest(bench, service)) })
    isOver = true
    await attacked
    const client = service.client()
    await service.untilFull(client).finally(() => client.close())
  }
  return figures
}

async function measureHonest(bench: Bench, service: Service) {
  const client = new Client(service.port, bench.interrupt, HONEST)
  const tally = new Tally()
  const until = performance.now() + bench.options.loadSeconds * 1000
  try {
    while (performance.now() < until) {
      tally.add(await client.run(programOf('python')))
      await sleep(PAUSE_MS, undefined, { signal: bench.interrupt })
    }
  } finally {
    client.close()
  }
  return { latencyMs: summarize(tally.latenciesMs), failures: tally.failures }
}

async function sendLoops(bench: Bench, service: Service, isOver: () => boolean): Promise<void> {
  const client = service.client()
  try {
    while (!isOver()) {
      const { latencyMs } = await client.run(LOOP)
      // Who is turned away does not come back in the same moment.
      if (latencyMs < PAUSE_MS) await sleep(PAUSE_MS, undefined, { signal: bench.interrupt })
    }
  } finally {
    client.close()
  }
}

async function sendInvalid(service: Service, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    await new Promise<void>((resolve) => {
      const headers = {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(INVALID_BODY),
      }
      const options = { port: service.port, path: '/run', method: 'POST', headers, agent: false }
      const sent = request({ ...options, host: '127.0.0.1' }, (response) => response.resume())
      sent.on('error', () => {})
      sent.on('close', () => resolve())
      sent.end(INVALID_BODY)
    })
    await sleep(PAUSE_MS)
  }
}

export function callersReport(figures: readonly CallersFigure[]): Report {
  return {
    title: 'An honest caller: one run at a time, beside what another caller sends',
    columns: ['beside', 'p50 ms', 'p90 ms', 'p99 ms', 'runs', 'failed'],
    rows: figures.map(({ beside, latencyMs, failures }) => [
      beside,
      ...percentileCells(latencyMs),
      String(latencyMs.count),
      failureCell(failures),
    ]),
  }
}
