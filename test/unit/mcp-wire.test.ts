import { describe, expect, test, vi } from 'vitest'
import { readMessage } from '../../src/api/mcp/message.ts'
import { ParsingThread } from '../../src/api/parsing-thread.ts'
import { ManagerError } from '../../src/errors.ts'
import { FakeRuns, KEY, keys, OTHER, openDoors, useDoors } from '../support/door.ts'

/** The door for MCP over runs that never happen: messages and answers as they are on the wire. */
const runs = new FakeRuns()
const door = useDoors(runs, { keys })

const RUN = { name: 'run_code', arguments: { language: 'python3', code: 'print(1)' } }

describe('the wire', () => {
  const headers = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    authorization: `Bearer ${KEY}`,
  }
  const post = async (body: unknown, more: Record<string, string> = {}, path = '/mcp') => {
    const response = await fetch(door.url + path, {
      method: 'POST',
      headers: { ...headers, ...more },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    })
    const text = await response.text()
    return { status: response.status, headers: response.headers, text }
  }
  const call = (id: unknown, params: object = RUN) => ({
    jsonrpc: '2.0',
    id,
    method: 'tools/call',
    params,
  })

  test.each([
    ['no JSON', '{', {}, 400, -32700],
    ['no UTF-8', '"\udc00', {}, 400, -32700],
    ['nested deeply', `${'['.repeat(100)}${']'.repeat(100)}`, {}, 400, -32700],
    ['a batch', '[]', {}, 400, -32600],
    ['large beside the code', JSON.stringify(call('x'.repeat(200_000))), {}, 400, -32600],
    ['too large', JSON.stringify({ a: 'x'.repeat(5_000_000) }), {}, 413, -32000],
    ['no key', '{}', { authorization: '' }, 401, -32000],
    ['a wrong key', '{}', { authorization: 'Bearer nobody-has-this-key' }, 401, -32000],
    ['a web page', '{}', { origin: 'https://example.org' }, 403, -32000],
    ['a form', '{}', { 'content-type': 'text/plain' }, 415, -32000],
  ] as const)('%s is refused in words of JSON-RPC', async (_name, body, more, status, code) => {
    const answer = await post(body, more)
    expect(answer.status).toBe(status)
    expect(JSON.parse(answer.text)).toMatchObject({ jsonrpc: '2.0', id: null, error: { code } })
  })

  test('a large program is taken, and is not made a text', async () => {
    const code = `${'#'.repeat(3_000_000)}\u00e9\n`
    const { status } = await post(call(1, { ...RUN, arguments: { ...RUN.arguments, code } }))
    expect(status).toBe(200)
    expect(runs.requests[0]?.program.code.equals(Buffer.from(code))).toBe(true)
  })

  test('a key may be in front of the path', async () => {
    const { status } = await post(call(1), { authorization: '' }, `/k/${OTHER}/mcp`)
    expect(status).toBe(200)
    expect(runs.requests).toMatchObject([{ caller: 'two' }])
    expect((await post(call(1), { authorization: '' }, '/k/nobody-has-this-key/mcp')).status).toBe(
      401,
    )
  })

  test('an older client cancels by another request, and no other client can', async () => {
    const initialize = {
      protocolVersion: '2025-06-18',
      capabilities: {},
      clientInfo: { name: 'x', version: '1' },
    }
    const opened = await post({ jsonrpc: '2.0', id: 0, method: 'initialize', params: initialize })
    const session = { 'mcp-session-id': opened.headers.get('mcp-session-id') as string }
    let begun = () => {}
    const running = new Promise<void>((resolve) => {
      begun = resolve
    })
    let isCanceled = false
    runs.end = (_request, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          isCanceled = true
          reject(new ManagerError('RUN_CANCELLED', 'The caller has gone.'))
        })
        begun()
      })
    const answer = post(call(7), session)
    await running
    const cancel = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 7 } }
    for (const other of [
      {},
      { 'mcp-session-id': 'of-another' },
      { ...session, authorization: `Bearer ${OTHER}` },
    ]) {
      expect((await post(cancel, other)).status).toBe(202)
    }
    expect(isCanceled).toBe(false)
    await post(cancel, session)
    await answer
    expect(isCanceled).toBe(true)
  })

  test('a large message is read in the thread of large bodies', async () => {
    const read = vi.spyOn(ParsingThread.prototype, 'readMessage')
    const code = `#${'x'.repeat(100_000)}\nprint(1)`
    expect((await post(call(1, { ...RUN, arguments: { language: 'python3', code } }))).status).toBe(
      200,
    )
    expect(read).toHaveBeenCalledTimes(1)
    expect(runs.requests[0]?.program.code.toString()).toBe(code)
    read.mockRestore()
  })

  test('of a message with too many members the rest is not looked at', () => {
    const members = '"":1,'.repeat(800_000)
    const view = vi.spyOn(Buffer.prototype, 'subarray')
    for (const text of [
      `{${members}"a":1}`,
      `{"method":"tools/call","params":{${members}"name":"run_code"}}`,
    ]) {
      expect(() => readMessage(Buffer.from(text))).toThrow('larger than 128 KiB')
    }
    expect(view.mock.calls.length).toBeLessThan(400_000)
    view.mockRestore()
  })

  test('the rate is of runs alone', async () => {
    const limited = await openDoors(runs, { keys, rateLimit: { runs: 1, windowMs: 60_000 } })
    const ask = (body: object) =>
      fetch(`${limited.url}/mcp`, { method: 'POST', headers, body: JSON.stringify(body) })
    const list = { jsonrpc: '2.0', id: 1, method: 'tools/list' }
    const said = [
      await ask(list),
      await ask(list),
      await ask(call(1)),
      await ask(call(2)),
      await ask(list),
    ]
    expect(said.map(({ status }) => status)).toEqual([200, 200, 200, 429, 200])
    expect(await said[3]?.json()).toMatchObject({ error: { code: -32000 } })
    await limited.close()
  })

  test('a door that is switched off is not there', async () => {
    const closed = await openDoors(runs, { doors: new Set(['v1'] as const) })
    const ask = (path: string) => fetch(closed.url + path, { method: 'POST', headers, body: '{}' })
    expect((await ask('/mcp')).status).toBe(404)
    expect((await ask('/run')).status).toBe(404)
    expect((await ask('/v1/runs')).status).toBe(400)
    await closed.close()
  })
})
