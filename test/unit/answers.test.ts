import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import Fastify from 'fastify'
import { expect, onTestFinished, test } from 'vitest'
import { Accounts } from '../../src/api/accounts.ts'
import { Answers, holdAnswers } from '../../src/api/answers.ts'
import { linesIn } from '../../src/api/open-terminal/output-lines.ts'

/** More than the kernel takes for a socket that is not read. */
const LARGE = 16 * 1024 ** 2
const SOON = { timeout: 30_000 }
const LIMITS = { uploadBytes: 1, uploadBytesPerCaller: 1 }

/** An app whose routes count nothing themselves, but for `/held`. */
async function open(answerBytesPerCaller: number) {
  const { answers: budget } = new Accounts({
    ...{ ...LIMITS, answerBytes: 1024 ** 3, answerBytesPerCaller },
  })
  const answers = new Answers(budget)
  const app = Fastify({ forceCloseConnections: true })
  app.decorateRequest('caller', '')
  app.addHook('onRequest', async (request) => {
    request.caller = 'one'
  })
  app.setErrorHandler(({ statusCode, message }: Error & { statusCode?: number }, _request, reply) =>
    reply.code(statusCode ?? 500).send({ said: message }),
  )
  holdAnswers(app, answers)
  app.get('/text', async () => 'x'.repeat(LARGE))
  app.get('/json', async () => ({ data: 'x'.repeat(LARGE) }))
  app.get('/bytes', async () => Buffer.alloc(LARGE))
  app.get('/held', async (request, reply) => {
    answers.hold(request.caller, 1, reply.raw)
    return 'x'.repeat(LARGE)
  })
  app.get('/small', async () => ({ data: 'x' }))
  await app.listen({ host: '127.0.0.1', port: 0 })
  onTestFinished(() => app.close())
  const { port } = app.server.address() as AddressInfo
  /** Asks, and reads nothing of the answer. */
  const ask = async (path: string) => {
    const socket = connect(port, '127.0.0.1').pause()
    onTestFinished(() => void socket.destroy())
    await once(socket, 'connect')
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`)
    return socket
  }
  return { url: `http://127.0.0.1:${port}`, budget, ask }
}

test.each(['/text', '/json', '/bytes'])(
  '%s is on its caller’s account until it is read',
  async (path) => {
    const { budget, ask, url } = await open(8 * LARGE)
    const sockets = [await ask(path), await ask(path), await ask(path)]
    await expect.poll(() => budget.heldFor('one'), SOON).toBeGreaterThanOrEqual(3 * LARGE)
    for (const socket of sockets) socket.destroy()
    await expect.poll(() => budget.total, SOON).toBe(0)
    expect(await (await fetch(url + path)).arrayBuffer()).toHaveProperty('byteLength')
    await expect.poll(() => budget.total, SOON).toBe(0)
  },
)

test('what a route holds itself is not counted twice, and a small answer not at all', async () => {
  const { budget, ask, url } = await open(8 * LARGE)
  await ask('/held')
  await expect.poll(() => budget.entriesOf('one'), SOON).toBe(1)
  expect(budget.heldFor('one')).toBeLessThan(LARGE)
  expect(await (await fetch(`${url}/small`)).json()).toEqual({ data: 'x' })
  expect(budget.entriesOf('one')).toBe(1)
})

test('a caller that has read nothing is refused, whatever it asks for', async () => {
  const { budget, ask, url } = await open(LARGE)
  const socket = await ask('/json')
  await expect.poll(() => budget.entriesOf('one'), SOON).toBe(1)
  for (const path of ['/text', '/json', '/bytes']) {
    const answer = await fetch(url + path)
    expect([answer.status, await answer.json()]).toEqual([429, { said: expect.any(String) }])
  }
  expect((await fetch(`${url}/small`)).status).toBe(200)
  expect(budget.entriesOf('one')).toBe(1)
  socket.destroy()
  await expect.poll(() => budget.total, SOON).toBe(0)
  expect((await fetch(`${url}/json`)).status).toBe(200)
})

test('output has an entry for a line, and not for each of very many', () => {
  const piece = (stream: 'stdout' | 'stderr', said: string) => ({
    ...{ offset: 0, stream, bytes: Buffer.from(said) },
  })
  const said = [
    piece('stdout', 'a\nb'),
    piece('stdout', 'c\n'),
    piece('stderr', 'd'),
    piece('stdout', 'e'),
  ]
  expect(linesIn(said)).toEqual([
    { type: 'stdout', data: 'a\n' },
    { type: 'stdout', data: 'bc\n' },
    { type: 'stderr', data: 'd' },
    { type: 'stdout', data: 'e' },
  ])
  const many = [piece('stdout', '\n'.repeat(100_000)), piece('stderr', '\n'.repeat(100_000))]
  const entries = linesIn([...many, ...many, piece('stdout', 'last\n')])
  expect(entries.length).toBeLessThan(5000)
  expect(entries.at(-1)).toEqual({ type: 'stdout', data: 'last\n' })
  expect(entries.reduce((sum, { data }) => sum + data.length, 0)).toBe(400_005)
  expect(entries.slice(-4096, -1).every(({ data }) => data === '\n')).toBe(true)
  expect(entries.slice(0, 4).map(({ type }) => type)).toEqual([
    'stdout',
    'stderr',
    'stdout',
    'stderr',
  ])
})
