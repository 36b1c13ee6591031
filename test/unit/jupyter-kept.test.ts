import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { ApiKeys } from '../../src/api/api-keys.ts'
import { textFrameOf } from '../../src/api/jupyter/binary-frames.ts'
import type { ContextOutcome, ContextRun } from '../../src/sessions/context-types.ts'
import { SessionLost } from '../../src/sessions/gone.ts'
import type { SessionInfo, SessionRequest, Sessions } from '../../src/sessions/types.ts'
import { FakeRuns, openDoors, outcomeWith } from '../support/door.ts'
import { type Channels, JupyterClient, type Said } from '../support/jupyter-client.ts'

/** Kernels that keep their state, over sessions that run nothing. */

const [KEY, OTHER] = ['a-key-of-the-tests', 'another-key-of-the-tests']

/** Sessions in which programs end when a test has them end. */
class FakeSessions {
  readonly all: (SessionInfo & Pick<SessionRequest, 'caller' | 'env'>)[] = []
  readonly runs: ContextRun[] = []
  readonly done: string[] = []
  executionCount = 0
  #made = 0
  end: (run: ContextRun) => Promise<Partial<ContextOutcome>> = async () => ({})

  list = (caller: string) => this.all.filter((one) => one.caller === caller)
  ofDoor = () => []
  get = (caller: string, id: string) => this.list(caller).find((one) => one.id === id) ?? null
  create = async ({ caller, template, metadata, idle, env }: SessionRequest) => {
    const id = `session-${this.#made++}`
    const times = { createdAtMs: Date.now(), expiresAtMs: Date.now() + 1000 }
    const info = { id, caller, template, metadata, idle, env, ...times, checkpoint: null, why: '' }
    this.all.push({ ...info, state: 'ready' } as unknown as (typeof this.all)[0])
    return this.all.at(-1)
  }
  kill = async (caller: string, id: string) => {
    this.done.push(`kill ${id}`)
    const found = this.get(caller, id)
    if (found) this.all.splice(this.all.indexOf(found), 1)
    return found !== null
  }
  contexts = () => ({
    kernel: () => ({ language: 'python', answers: false }),
    get: () => ({ id: 'python', executionCount: this.executionCount, state: 'idle' }),
    interrupt: () => this.done.push('interrupt'),
    restart: async () => this.done.push('restart'),
    run: async (_id: string, _choice: object, _use: object, run: ContextRun) => {
      this.runs.push(run)
      if (!run.isHidden) this.executionCount++
      const { executionCount } = this
      const usual = { isContextLost: false, notes: '', executionCount }
      return { ...outcomeWith(), ...usual, ...(await this.end(run)) }
    },
  })
  use = async (caller: string, id: string) =>
    this.get(caller, id) && { contexts: this.contexts(), release: () => {} }
}

const open: Channels[] = []
const fake = new FakeSessions()
let door: Awaited<ReturnType<typeof openDoors>>
let client: JupyterClient
beforeAll(async () => {
  const keys = ApiKeys.parse(`one:${KEY},two:${OTHER}`) as ApiKeys
  const sessions = fake as unknown as Sessions
  door = await openDoors(new FakeRuns(), { keys }, {}, undefined, sessions)
  client = new JupyterClient(door.url, KEY)
})
afterAll(() => door.close())
afterEach(() => {
  for (const { socket } of open.splice(0)) socket.terminate()
  for (const list of [fake.all, fake.runs, fake.done]) list.length = 0
  fake.end = async () => ({})
  fake.executionCount = 0
})

async function connected(id: string, session = 'one') {
  const channels = await client.connect(id, {}, { session })
  open.push(channels)
  return channels
}
const find = (said: readonly Said[], type: string) => said.find(({ msg_type }) => msg_type === type)
// biome-ignore lint/suspicious/noExplicitAny: tests look into it
const json = async (answer: Promise<Response>): Promise<any> => (await answer).json()

test('a kernel is a session of its caller; what is not said in a body is for one program', async () => {
  const id = await client.start('python3')
  expect(fake.all).toMatchObject([{ caller: 'one', template: 'python' }])
  expect(await json(client.ask('GET', '/kernels'))).toMatchObject([{ id, name: 'python3' }])
  const bare = await fetch(`${door.url}/api/kernels?token=${KEY}`, {
    method: 'POST',
    headers: { 'content-type': 'application/octet-stream' },
  })
  expect(bare.status).toBe(201)
  expect(fake.all).toHaveLength(1)
})

test("of a client's variables those of a kernel are taken", async () => {
  const env = { KERNEL_USERNAME: 'u', PATH: '/secret', n: 1 }
  expect((await client.ask('POST', '/kernels', { name: 'python3', env })).status).toBe(201)
  expect(fake.all[0]?.env).toEqual({ KERNEL_USERNAME: 'u' })
})

test("another caller's kernel is not there, by no verb", async () => {
  const id = await client.start('python3')
  const session = await json(client.ask('POST', '/sessions', { path: 'a', kernel: { id } }))
  const other = new JupyterClient(door.url, OTHER)
  for (const [method, path, body] of [
    ['GET', `/kernels/${id}`],
    ['DELETE', `/kernels/${id}`],
    ['POST', `/kernels/${id}/interrupt`],
    ['POST', `/kernels/${id}/restart`],
    ['GET', `/kernels/${id}/channels`],
    ['GET', `/sessions/${session.id}`],
    ['PATCH', `/sessions/${session.id}`, { name: 'mine' }],
    ['DELETE', `/sessions/${session.id}`],
    ['POST', '/sessions', { path: 'b', kernel: { id } }],
    ['GET', `/contents/${id}`],
    ['GET', `/contents/${id}/file`],
    ['PUT', `/contents/${id}/file`, { content: '' }],
    ['POST', `/contents/${id}`, { type: 'file' }],
    ['PATCH', `/contents/${id}/file`, { path: `${id}/other` }],
    ['DELETE', `/contents/${id}/file`],
  ] as const) {
    expect((await other.ask(method, path, body)).status, `${method} ${path}`).toBe(404)
  }
  await expect(other.connect(id)).rejects.toThrow('404')
  expect(await json(other.ask('GET', '/kernels'))).toEqual([])
  expect(await json(other.ask('GET', '/sessions'))).toEqual([])
  expect((await json(other.ask('GET', '/contents'))).content).toEqual([])
  expect([fake.runs, fake.done]).toEqual([[], []])
})

test('executions are in turn; after an error those that wait are aborted, unless one says no', async () => {
  const channels = await connected(await client.start('python3'))
  const ends: (() => void)[] = []
  fake.end = (run) =>
    new Promise((resolve) => {
      const exitCode = run.code.toString() === 'fails' ? 1 : 0
      ends.push(() => resolve({ exitCode }))
    })
  const [first, second] = [channels.execute('fails'), channels.execute('never')]
  await expect.poll(() => ends.length, { timeout: 30_000 }).toBe(1)
  await expect.poll(() => channels.said.length).toBeGreaterThanOrEqual(2)
  ends[0]?.()
  expect(find(await first, 'execute_reply')?.content.status).toBe('error')
  expect(find(await second, 'execute_reply')?.content.status).toBe('aborted')
  expect(fake.runs).toHaveLength(1)
})

test('silent code and what is not stored are not counted', async () => {
  const channels = await connected(await client.start('python3'))
  const run = async (more: object) => {
    const id = channels.send('execute_request', { code: '1', ...more })
    return channels.answersTo(id)
  }
  expect(find(await run({ silent: true }), 'execute_input')).toBeUndefined()
  await run({ store_history: false })
  expect(fake.runs.map(({ isHidden }) => isHidden)).toEqual([true, true])
  const said = await run({})
  expect(find(said, 'execute_reply')?.content.execution_count).toBe(1)
})

test('a session of a notebook has its kernel, changes its path and its kernel, and ends it', async () => {
  const asked = { path: 'a.ipynb', name: 'a', type: 'notebook', kernel: { name: 'python3' } }
  const made = await json(client.ask('POST', '/sessions', asked))
  expect(made).toMatchObject({ path: 'a.ipynb', kernel: { name: 'python3' } })
  expect(await json(client.ask('POST', '/sessions', asked))).toMatchObject({ id: made.id })
  const moved = await json(client.ask('PATCH', `/sessions/${made.id}`, { path: 'b.ipynb' }))
  expect(moved).toMatchObject({ id: made.id, path: 'b.ipynb', kernel: { id: made.kernel.id } })
  const other = await json(
    client.ask('PATCH', `/sessions/${made.id}`, { kernel: { name: 'python3' } }),
  )
  expect(other).toMatchObject({ id: made.id, path: 'b.ipynb' })
  expect(other.kernel.id).not.toBe(made.kernel.id)
  expect((await client.ask('DELETE', `/sessions/${made.id}`)).status).toBe(204)
  expect(fake.all).toEqual([])
})

test('a kernel whose session is lost begins anew in another one, with its id', async () => {
  const id = await client.start('python3')
  const [session] = fake.all
  fake.all[0] = { ...(session as (typeof fake.all)[0]), state: 'lost' }
  expect(await json(client.ask('GET', `/kernels/${id}`))).toMatchObject({ execution_state: 'dead' })
  const again = await json(client.ask('POST', `/kernels/${id}/restart`))
  expect(again).toMatchObject({ id, execution_state: 'idle' })
  expect(fake.done).toEqual([`kill ${session?.id}`])
})

test('an interrupt of a kernel whose session is lost is refused in words', async () => {
  const id = await client.start('python3')
  const { use } = fake
  fake.use = async (_caller, session) => {
    throw new SessionLost(session, 'its sandbox ended', null)
  }
  const answer = await client.ask('POST', `/kernels/${id}/interrupt`)
  fake.use = use
  expect([answer.status, (await answer.json()) as object]).toEqual([
    409,
    { message: expect.stringContaining('is lost'), reason: null },
  ])
})

test('a shutdown request of a client ends the kernel, and its connections', async () => {
  const channels = await connected(await client.start('python3'))
  channels.send('shutdown_request', { restart: false }, { channel: 'control' })
  await expect.poll(() => channels.closed, { timeout: 30_000 }).toBe(1001)
  expect(fake.all).toEqual([])
})

test('what is kept for clients that are away is on the account, and bounded', async () => {
  const id = await client.start('python3')
  const before = door.accounts.results.heldFor('one')
  const channels = await connected(id)
  let isOver = false
  fake.end = async () => {
    channels.socket.terminate()
    await expect
      .poll(async () => (await json(client.ask('GET', `/kernels/${id}`))).connections)
      .toBe(0)
    isOver = true
    return { displays: Array.from({ length: 30 }, () => ({ 'text/plain': 'x'.repeat(100_000) })) }
  }
  channels.execute('1').catch(() => {})
  await expect.poll(() => isOver, { timeout: 30_000 }).toBe(true)
  const held = () => door.accounts.results.heldFor('one') - before
  await expect.poll(held, { timeout: 30_000 }).toBeGreaterThan(100_000)
  expect(held()).toBeLessThan(1_200_000)
  const other = await connected(id, 'another')
  await expect.poll(held, { timeout: 30_000 }).toBeLessThan(10_000)
  expect(other.said).toEqual([])
})

test.each([
  ['nothing', Buffer.alloc(0)],
  ['a count alone', Buffer.from([6, 0, 0, 0, 0, 0, 0, 0])],
  ['offsets behind its end', Buffer.alloc(8 * 7, 6)],
  [
    'offsets in no order',
    Buffer.from(new BigUint64Array([6n, 60n, 58n, 60n, 60n, 60n, 60n]).buffer),
  ],
])('%s is no frame of the binary protocol', (_name, frame) => {
  expect(textFrameOf(frame)).toBeNull()
})
