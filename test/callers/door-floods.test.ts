import { once } from 'node:events'
import { request } from 'node:http'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import WebSocket from 'ws'
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
  ['jupyter', '/api/kernels', {}],
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

/** A kernel for one program, as Open WebUI starts it. @returns as post() */
async function runInKernel(localAddress: string): Promise<number | null> {
  const headers = { 'content-type': 'application/octet-stream', 'content-length': 0 }
  const sent = request(`${service.client.url}/api/kernels`, {
    ...{ method: 'POST', headers, agent: false, localAddress },
  })
  sent.end()
  try {
    const [response] = await once(sent, 'response')
    const { id } = JSON.parse(await text(response))
    if (response.statusCode !== 201) return response.statusCode
    const at = `${service.client.url.replace('http', 'ws')}/api/kernels/${id}/channels`
    const socket = new WebSocket(at, { localAddress })
    socket.on('error', () => {})
    socket.once('open', () => {
      const header = { msg_id: '1', msg_type: 'execute_request' }
      socket.send(JSON.stringify({ header, content: { code: SLEEP }, channel: 'shell' }))
    })
    socket.on('message', (data) => {
      if (JSON.parse(String(data)).msg_type === 'execute_reply') socket.close()
    })
    await new Promise((resolve) => socket.once('close', resolve))
    return 201
  } catch {
    return null
  }
}

/** @returns the status; null: the connection was closed */
async function post(path: string, body: object, localAddress: string): Promise<number | null> {
  if (path === '/api/kernels') return runInKernel(localAddress)
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

test('a flood of kernels that keep their state, and of requests in them', async () => {
  const { url } = service.client
  let isOver = false
  const statuses = new Set<number>()
  const flood = HOSTILE.map(async (address) => {
    const ids: string[] = []
    while (!isOver) {
      const [status, answer] = await ask('POST', '/api/kernels', address)
      statuses.add(status)
      if (status === 201) ids.push(JSON.parse(answer).id)
      const id = ids[0]
      if (id) {
        const at = `${url.replace('http', 'ws')}/api/kernels/${id}/channels`
        const socket = new WebSocket(at, { localAddress: address })
        socket.on('error', () => {})
        socket.once('open', () => {
          const header = { msg_id: '1', msg_type: 'execute_request' }
          const content = { code: 'print("x" * 100_000)', stop_on_error: false }
          // More than may wait.
          for (let count = 0; count < 3000; count++) {
            socket.send(JSON.stringify({ header, content, channel: 'shell' }))
          }
        })
        await Promise.race([
          new Promise((resolve) => socket.once('close', resolve)),
          new Promise((resolve) => setTimeout(resolve, 1000)),
        ])
        socket.terminate()
      }
    }
    for (const id of ids) await ask('DELETE', `/api/kernels/${id}`, address)
  })
  try {
    const honest = new Caller(url, '127.0.0.200')
    await until(async () => statuses.size > 1)
    for (let count = 0; count < 3; count++) {
      const answer = await honest.run('def main(): return 1')
      expect(answer).toMatchObject({ status: 'success', result: { value: 1 } })
    }
  } finally {
    isOver = true
    await Promise.all(flood)
  }
  // Kernels are had until there are as many as may be.
  expect([...statuses]).toEqual(expect.arrayContaining([201]))
  for (const status of statuses) expect([201, 429, 503]).toContain(status)
})

test('a flood of commands in chats of Open Terminal', async () => {
  let isOver = false
  const statuses = new Set<number>()
  const flood = HOSTILE.flatMap((address) =>
    Array.from({ length: CONNECTIONS }, async (_, number) => {
      // Chats without end, each of which wants a session, and commands without end in those that are had.
      for (let count = 0; !isOver; count++) {
        const headers = {
          'content-type': 'application/json',
          'x-user-id': address,
          'x-session-id': count % 2 === 0 ? `chat-${number}-${count}` : 'chat',
        }
        const body = JSON.stringify({ command: 'yes | head -c 1000000; sleep 60' })
        try {
          statuses.add((await ask('POST', '/open-terminal/execute', address, headers, body))[0])
        } catch {
          // The connection was closed.
        }
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
    }),
  )
  try {
    // Some are taken, and then there are too many.
    await until(async () => statuses.size > 1)
    const honest = new Caller(service.client.url, '127.0.0.200')
    for (let count = 0; count < 3; count++) {
      const answer = await honest.run('def main(): return 1')
      expect(answer).toMatchObject({ status: 'success', result: { value: 1 } })
    }
  } finally {
    isOver = true
    await Promise.all(flood)
  }
  expect([...statuses]).toEqual(expect.arrayContaining([200]))
  // A session that was asked for more than its sandbox can hold has ended.
  for (const status of statuses) expect([200, 410, 429, 503]).toContain(status)
})

/** @returns the status and the body */
async function ask(
  method: string,
  path: string,
  localAddress: string,
  headers = {},
  body = '',
): Promise<[number, string]> {
  const sent = request(service.client.url + path, { method, headers, agent: false, localAddress })
  sent.end(body)
  const [response] = await once(sent, 'response')
  return [response.statusCode, await text(response)]
}
