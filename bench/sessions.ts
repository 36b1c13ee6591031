import { Agent, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Bench } from './context.ts'
import type { Service } from './service.ts'
import { type Summary, summarize } from './statistics.ts'
import { percentileCells, type Report } from './table.ts'

/** Runs in sessions of Python. */
export interface SessionFigures {
  readonly createMs: Summary
  /** The first cell, with which the kernel is started. */
  readonly firstRunMs: Summary
  readonly cellMs: Summary
  /** Without IPython: mode `script`. */
  readonly scriptMs: Summary
  readonly frozenMs: Summary
}

const CREATED = 5
const FROZEN = 8
const CELL = '1 + 1'

/** Creates sessions, and runs a cell again and again in one, over a connection that is kept. */
export async function measureSessions(bench: Bench, service: Service): Promise<SessionFigures> {
  bench.say('sessions')
  const { options, interrupt } = bench
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const call = (method: string, path: string, body?: object) =>
    send(service.port, method, `/v1/sessions${path}`, body, agent, interrupt)
  const timed = async (times: number[], work: () => Promise<unknown>) => {
    const began = performance.now()
    await work()
    times.push(performance.now() - began)
  }
  const [created, first, cells, scripts, frozen]: number[][] = [[], [], [], [], []]
  const idle = { freeze_ms: 100, hibernate_ms: null }
  const ids: string[] = []
  try {
    for (let count = 0; count < CREATED; count++) {
      await timed(created as number[], async () => {
        const made = await call('POST', '', { template: 'python', idle })
        ids.push((JSON.parse(made) as { id: string }).id)
      })
      await timed(first as number[], () => call('POST', `/${ids.at(-1)}/runs`, { code: CELL }))
      if (count > 0) await call('DELETE', `/${ids.pop()}`)
    }
    const path = `/${ids[0]}/runs`
    for (let count = 0; count < options.samples; count++) {
      await timed(cells as number[], () => call('POST', path, { code: CELL }))
      await timed(scripts as number[], () => call('POST', path, { code: CELL, mode: 'script' }))
    }
    for (let count = 0; count < FROZEN; count++) {
      while (!(await call('GET', `/${ids[0]}`)).includes('"state":"frozen"')) {
        await sleep(50, undefined, { signal: interrupt })
      }
      await timed(frozen as number[], () => call('POST', path, { code: CELL }))
    }
    for (const id of ids) await call('DELETE', `/${id}`)
  } finally {
    agent.destroy()
  }
  return {
    createMs: summarize(created as number[]),
    firstRunMs: summarize(first as number[]),
    cellMs: summarize(cells as number[]),
    scriptMs: summarize(scripts as number[]),
    frozenMs: summarize(frozen as number[]),
  }
}

/** @returns the answer's text; @throws Error when it is none of success */
function send(
  port: number,
  method: string,
  path: string,
  body: object | undefined,
  agent: Agent,
  signal: AbortSignal,
): Promise<string> {
  const text = body === undefined ? '' : JSON.stringify(body)
  const headers =
    text === '' ? {} : { 'content-type': 'application/json', 'content-length': text.length }
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path, method, headers, agent, signal }
    const sent = request(options, (response) => {
      const chunks: Buffer[] = []
      response.on('error', reject)
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => {
        const said = Buffer.concat(chunks).toString()
        if ((response.statusCode ?? 500) < 300) resolve(said)
        else reject(new Error(`${method} ${path}: ${response.statusCode} ${said}`))
      })
    })
    sent.on('error', reject)
    sent.end(text)
  })
}

export function sessionsReport(figures: SessionFigures): Report {
  const { createMs, firstRunMs, cellMs, scriptMs, frozenMs } = figures
  return {
    title: 'Sessions of Python, one request at a time (ms)',
    columns: ['what', 'p50', 'p90', 'p99'],
    rows: [
      ['create', ...percentileCells(createMs)],
      ['first cell, which starts the kernel', ...percentileCells(firstRunMs)],
      ['cell in a ready session', ...percentileCells(cellMs)],
      ['script in a ready session, without IPython', ...percentileCells(scriptMs)],
      ['cell in a frozen session', ...percentileCells(frozenMs)],
    ],
  }
}
