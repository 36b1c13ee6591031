import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { generatedFiles } from '../../clients/generate.ts'
import { pythonTypes } from '../../clients/generate-python.ts'
import {
  ExecutorManager,
  ExecutorManagerError,
  fileText,
} from '../../clients/typescript/src/index.ts'
import { readEvents } from '../../clients/typescript/src/sse.ts'
import { projectDir } from '../../src/config.ts'

/** A service that answers what a test says, one answer after the other. */
const answers: ((response: ServerResponse, request: IncomingMessage) => void)[] = []
const bodies: string[] = []
const server = createServer(async (request, response) => {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  bodies.push(Buffer.concat(chunks).toString())
  const answer = answers.length > 1 ? answers.shift() : answers[0]
  answer?.(response, request)
})
let client: ExecutorManager
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  client = new ExecutorManager({ url: `http://127.0.0.1:${port}/`, key: 'secret', retries: 2 })
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})
beforeEach(() => {
  answers.length = 0
  bodies.length = 0
})

const RUN = { language: 'python', code: '' }
const problem = (name: string, status: number, headers: Record<string, string> = {}) => {
  const detail = `it is ${name}`
  const body = { type: `/problems/${name}`, title: '', status, detail, instance: 'urn:request:1' }
  return (response: ServerResponse) => {
    response.writeHead(status, { 'content-type': 'application/problem+json', ...headers })
    response.end(JSON.stringify(body))
  }
}
const json = (value: unknown) => (response: ServerResponse) => {
  response.writeHead(200, { 'content-type': 'application/json' })
  response.end(JSON.stringify(value))
}
const events = (text: string) => (response: ServerResponse) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.end(text)
}

test('the types of the clients are those of the API; npm run generate writes them anew', () => {
  for (const [file, text] of generatedFiles()) expect(readFileSync(file, 'utf8'), file).toBe(text)
})

test('the clients have the version of the service', () => {
  const read = (file: string) => readFileSync(path.join(projectDir(), file), 'utf8')
  const { version } = JSON.parse(read('package.json'))
  expect(JSON.parse(read('clients/typescript/package.json')).version).toBe(version)
  expect(read('clients/python/pyproject.toml')).toContain(`\nversion = "${version}"\n`)
})

describe('retries', () => {
  test.each(['rate-limited', 'too-much-held', 'no-executor', 'shutting-down'])(
    'of a run after %s, for it has not begun',
    async (name) => {
      answers.push(problem(name, 503, { 'retry-after': '0' }), json({ status: 'succeeded' }))
      expect(await client.run(RUN)).toEqual({ status: 'succeeded' })
      expect(bodies).toEqual([JSON.stringify(RUN), JSON.stringify(RUN)])
    },
  )

  test.each([
    ['invalid-request', 400],
    ['unavailable', 503],
    ['internal', 500],
  ])('not of a run after %s, which may have begun or cannot succeed', async (name, status) => {
    answers.push(problem(name, status, { 'retry-after': '0' }))
    const error = await client.run(RUN).catch((thrown) => thrown)
    expect(error).toBeInstanceOf(ExecutorManagerError)
    expect(error).toMatchObject({ type: name, status, message: `it is ${name}`, retryAfterMs: 0 })
    expect(bodies).toHaveLength(1)
  })

  test('not of a run whose connection broke', async () => {
    answers.push((response) => response.destroy())
    await expect(client.run(RUN)).rejects.toMatchObject({ type: 'unreachable', status: null })
    expect(bodies).toHaveLength(1)
  })

  test('of what only reads, whatever happened, and not for ever', async () => {
    answers.push((response) => response.destroy(), json({ templates: [] }))
    expect(await client.templates()).toEqual([])
    answers.splice(0, 1, problem('unavailable', 503, { 'retry-after': '0' }))
    bodies.length = 0
    await expect(client.status()).rejects.toMatchObject({ type: 'unavailable' })
    expect(bodies).toHaveLength(3)
  })

  test('wait as long as the service asks, but not for minutes', async () => {
    answers.push(problem('no-executor', 503, { 'retry-after': '2' }), json({}))
    const begun = performance.now()
    await client.run(RUN)
    expect(performance.now() - begun).toBeGreaterThan(1900)
    answers.splice(0, 1, problem('rate-limited', 429, { 'retry-after': '3600' }))
    await expect(client.run(RUN)).rejects.toMatchObject({ retryAfterMs: 3_600_000 })
  })

  test('end when the caller has enough', async () => {
    answers.push(problem('no-executor', 503, { 'retry-after': '50' }))
    const call = client.run(RUN, { signal: AbortSignal.timeout(300) })
    await expect(call).rejects.toMatchObject({ name: 'TimeoutError' })
  })
})

test('the key is shown, and files go out as text or base64', async () => {
  answers.push((response, { headers }) => json({ stdout: headers.authorization })(response))
  const files = [
    { path: 'a', content: 'text' },
    { path: 'b', content: Uint8Array.of(0, 255) },
    { path: 'c', content: new Blob(['x'.repeat(100_000)]) },
  ]
  expect(await client.run({ ...RUN, files })).toMatchObject({ stdout: 'Bearer secret' })
  expect(JSON.parse(bodies[0] as string).files).toEqual([
    { path: 'a', content: 'text' },
    { path: 'b', content_base64: 'AP8=' },
    { path: 'c', content_base64: Buffer.from('x'.repeat(100_000)).toString('base64') },
  ])
  const file = { path: 'a', size: 2, media_type: 'text/plain', content_base64: 'w7w=' }
  expect(fileText(file)).toBe('ü')
})

test('an answer of something else is an error with a name', async () => {
  answers.push((response) => response.writeHead(502).end('<html>'))
  await expect(client.run(RUN)).rejects.toMatchObject({ type: 'bad-answer', status: 502 })
  answers.splice(0, 1, (response) => response.writeHead(200).end('<html>'))
  await expect(client.run(RUN)).rejects.toMatchObject({ type: 'bad-answer' })
})

describe('streams', () => {
  const collect = async () => {
    const all: unknown[] = []
    for await (const event of client.stream(RUN)) all.push(event)
    return all
  }

  test('give events until the last', async () => {
    answers.push(
      events('id: 1\nevent: stdout\ndata: {"text":"a"}\n\n:\n\nevent: done\ndata: {}\n\n'),
    )
    expect(await collect()).toEqual([
      { id: '1', event: 'stdout', data: { text: 'a' } },
      { id: '1', event: 'done', data: {} },
    ])
  })

  test('that break off are an error', async () => {
    answers.push(events('event: stdout\ndata: {"text":"a"}\n\n'))
    await expect(collect()).rejects.toMatchObject({ type: 'broken-stream' })
    answers.splice(0, 1, (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('event: stdout\ndata: {"te', () => response.destroy())
    })
    await expect(collect()).rejects.toMatchObject({ type: 'broken-stream' })
  })

  test('that end with a problem are that error', async () => {
    const data = { type: '/problems/unavailable', detail: 'gone', status: 503 }
    answers.push(events(`event: error\ndata: ${JSON.stringify(data)}\n\n`))
    await expect(collect()).rejects.toMatchObject({ type: 'unavailable', message: 'gone' })
  })

  test('that are left hang up', async () => {
    let closed: Promise<void> | undefined
    answers.push((response) => {
      closed = new Promise((resolve) => response.on('close', resolve))
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('event: stdout\ndata: {"text":"a"}\n\n')
    })
    for await (const _ of client.stream(RUN)) break
    await closed
  })
})

test('events are read whatever their chunks and line ends', async () => {
  const text = 'id: 7\r\nevent: a\r\ndata: ü\r\ndata:two\r\n\r\n: no\r\rdata: {}\n\nevent: none\n\n'
  const bytes = new TextEncoder().encode(text)
  for (const size of [1, 2, 3, 7, bytes.length]) {
    const pieces: Uint8Array[] = []
    for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size))
    const read = []
    for await (const event of readEvents(ReadableStream.from(pieces))) read.push(event)
    expect(read, `${size}`).toEqual([
      { id: '7', event: 'a', data: 'ü\ntwo' },
      { id: '7', event: 'message', data: '{}' },
    ])
  }
})

test('a member with a word of Python as its name is a field with _ behind it', () => {
  const schemas = { A: { type: 'object', properties: { from: { type: 'string' } } } }
  expect(pythonTypes(schemas as never)).toContain('class A:\n    from_: Optional[str] = None\n')
})
