import { once } from 'node:events'
import { request } from 'node:http'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { scaledMs } from '../../src/lib/time-scale.ts'
import { type Service, startService, withoutVariants } from '../support/service.ts'
import { Caller } from './caller.ts'
import { until } from './raw.ts'

/** A flood at one front door, from many addresses, keeps nobody out who calls at another. */

const QUEUE_LENGTH = 16
const HOSTILE = ['127.0.0.31', '127.0.0.32', '127.0.0.33', '127.0.0.34', '127.0.0.35']
const CONNECTIONS = 10
const SLEEP = 'import time\ntime.sleep(1)'

const call = (code: string) => ({
  ...{ jsonrpc: '2.0', id: 1, method: 'tools/call' },
  params: { name: 'run_code', arguments: { language: 'python', code } },
})
const DOORS: readonly [door: string, path: string, body: object][] = [
  ['mcp', '/mcp', call(SLEEP)],
  ['dify', '/v1/sandbox/run', { language: 'python3', code: SLEEP }],
  ['piston', '/api/v2/execute', { language: 'py', version: '*', files: [{ content: SLEEP }] }],
  ['judge0', '/submissions?wait=true', { language_id: 71, source_code: SLEEP }],
  [
    'jobe',
    '/jobe/index.php/restapi/runs',
    { run_spec: { language_id: 'python3', sourcecode: SLEEP } },
  ],
  ['librechat', '/librechat/exec', { lang: 'py', code: SLEEP }],
]

let service: Service
const atEnd: (() => Promise<void>)[] = []
beforeAll(async () => {
  const env = {
    ...withoutVariants(),
    EXECUTOR_MANAGER_QUEUE_LENGTH: String(QUEUE_LENGTH),
    EXECUTOR_MANAGER_QUEUE_WAIT: `${scaledMs(60_000)}ms`,
  }
  service = await startService(env, [], undefined, (work) => atEnd.push(work))
})
afterAll(async () => {
  // It removes its sandboxes before it ends.
  service.kill('SIGTERM')
  await service.ended()
  for (const work of atEnd) await work()
})

/** @returns the status; null: the connection was closed */
async function post(path: string, body: object, localAddress: string): Promise<number | null> {
  const json = JSON.stringify(body)
  const sent = request(service.client.url + path, {
    method: 'POST',
    headers: {
      accept: 'application/json, text/event-stream',
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(json),
    },
    agent: false,
    localAddress,
  })
  sent.end(json)
  try {
    const [response] = await once(sent, 'response')
    await text(response)
    return response.statusCode
  } catch {
    return null
  }
}

test.each(DOORS)('a flood at the door %s', async (_door, path, body) => {
  const queued = async () => {
    const metrics = await (await fetch(`${service.client.url}/metrics`)).text()
    return Number(/^executor_manager_queued_runs (\d+)$/m.exec(metrics)?.[1])
  }
  let isOver = false
  const statuses = new Set<number | null>()
  const flood = HOSTILE.flatMap((address) =>
    Array.from({ length: CONNECTIONS }, async () => {
      while (!isOver) {
        statuses.add(await post(path, body, address))
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
    }),
  )
  try {
    await until(async () => (await queued()) >= QUEUE_LENGTH - 2)
    const honest = new Caller(service.client.url, '127.0.0.200')
    for (let count = 0; count < 3; count++) {
      const answer = await honest.run('def main(): return 1')
      expect(answer).toMatchObject({ status: 'success', result: { value: 1 } })
      expect(await queued()).toBeLessThanOrEqual(QUEUE_LENGTH)
    }
  } finally {
    isOver = true
    await Promise.all(flood)
  }
  // Its own words for too much, and no failure.
  expect(statuses).not.toContain(500)
  await until(async () => (await queued()) === 0)
})
