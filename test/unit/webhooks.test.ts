import { createHmac } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { ApiKeys } from '../../src/api/api-keys.ts'
import { type Config, readConfig } from '../../src/config.ts'
import {
  type CallbackPolicy,
  callbackIssue,
  parseCallbackPolicy,
} from '../../src/jobs/callback-policy.ts'
import { SECRET } from '../../src/jobs/signature.ts'
import { callWebhook } from '../../src/jobs/webhook-call.ts'
import type { WebhookSettings } from '../../src/jobs/webhooks.ts'
import { isPublicAddress } from '../../src/network/public-address.ts'
import { FakeRuns, openDoors } from '../support/door.ts'
import { answerNames } from '../support/name-server.mjs'
import { NativeClient } from '../support/native-client.ts'

const PUBLIC: CallbackPolicy = { public: true, names: [], ranges: [] }
const LOOPBACK: CallbackPolicy = { public: false, names: [], ranges: ['127.0.0.0/8', '::1'] }
const NOT_ALLOWED = 'the operator does not allow this address'
const KEY = Buffer.alloc(24, 7)
const OWN_SECRET = `whsec_${KEY.toString('base64')}`

interface Received {
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

/** A receiver of this test's own. */
let server: Server
let port: number
let received: Received[]
/** What answers wait for. */
let held: Promise<void> = Promise.resolve()
/** What it answers to each call, in order; 204 to all others. */
let answers: { status: number; headers?: Record<string, string> }[]
beforeAll(async () => {
  server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    received.push({ url: request.url ?? '', headers: request.headers, body })
    await held
    const { status, headers = {} } = answers.shift() ?? { status: 204 }
    response.writeHead(status, headers).end()
  })
  // On both families.
  await new Promise<void>((resolve) => server.listen(0, '::', resolve))
  port = (server.address() as AddressInfo).port
})
afterAll(() => server.close())
beforeEach(() => {
  received = []
  answers = []
  held = Promise.resolve()
})

describe('where webhooks may go', () => {
  test.each(['8.8.8.8', '2606:4700::1111', '1.1.1.1'])('%s is public', (address) => {
    expect(isPublicAddress(address)).toBe(true)
  })

  test.each([
    ...['127.0.0.1', '10.1.2.3', '172.16.0.1', '192.168.1.1', '169.254.169.254', '100.64.0.1'],
    ...['0.0.0.0', '198.18.0.1', '192.0.2.1', '224.0.0.1', '255.255.255.255', '168.63.129.16'],
    ...['::1', '::', 'fe80::1', 'fc00::1', 'ff02::1', '::ffff:127.0.0.1', '::ffff:8.8.8.8'],
    ...['::127.0.0.1', '64:ff9b::7f00:1', '2002:7f00:1::', '2001:0:7f00:1::', '2001:db8::1'],
    'no address',
  ])('%s is not', (address) => {
    expect(isPublicAddress(address)).toBe(false)
  })

  test('no address of this host is, whatever it is', () => {
    for (const { address } of Object.values(networkInterfaces()).flatMap((own) => own ?? [])) {
      expect(isPublicAddress(address)).toBe(false)
    }
  })

  test.each([
    ...['http://127.0.0.1/', 'http://2130706433/', 'http://0x7f.1/', 'http://0177.0.0.1/'],
    ...['http://127.1/', 'http://[::1]/', 'http://[::ffff:127.0.0.1]/', 'http://[::ffff:7f00:1]/'],
    ...[
      'http://localhost/',
      'http://LOCALHOST./',
      'http://a.localhost/',
      'http://169.254.169.254/',
    ],
    ...['ftp://example.org/', 'file:///etc/passwd', 'https://user:word@example.org/', 'no url'],
    ...['http://１２７.0.0.1/', `https://example.org/${'x'.repeat(2048)}`],
  ])('%s is refused before anything is looked up', (url) => {
    expect(callbackIssue(PUBLIC, url)).not.toBeNull()
  })

  test('what the operator names is allowed, and nothing where there are none', () => {
    const policy = parseCallbackPolicy('10.1.2.0/24,fd00::/8,Hooks.internal') as CallbackPolicy
    expect(policy).toEqual({
      public: false,
      names: ['hooks.internal'],
      ranges: ['10.1.2.0/24', 'fd00::/8'],
    })
    for (const url of ['http://10.1.2.9/', 'http://[fd00::1]:8080/', 'https://hooks.internal/a']) {
      expect(callbackIssue(policy, url)).toBeNull()
    }
    for (const url of ['http://10.1.3.1/', 'http://8.8.8.8/']) {
      expect(callbackIssue(policy, url)).not.toBeNull()
    }
    expect(parseCallbackPolicy('none')).toBeNull()
    expect(callbackIssue(null, 'https://example.org/')).not.toBeNull()
    for (const wrong of ['10.0.0.0/99', '1.2.3', 'a b', '10.0.0.0/8/8', '']) {
      expect(parseCallbackPolicy(wrong)).toHaveProperty('wrong')
    }
  })

  test.each([
    ...['127.0.0.1', '2130706433', '0x7f000001', '[::1]', '[::ffff:127.0.0.1]', 'localhost'],
  ])('no connection is made to %s', async (host) => {
    const result = await callWebhook(new URL(`http://${host}:${port}/`), {}, '{}', PUBLIC)
    expect(result.status).toBeNull()
    expect(received).toEqual([])
  })

  test('a name whose address changes is looked up for each call, and never leads inside', async () => {
    // The first address is allowed here; the others are what a name server of the caller's may say next.
    const inside = ['10.1.2.3', '192.168.1.1', '169.254.169.254', '0.0.0.0', '172.16.0.1']
    const zone: Record<string, string[]> = { 'hook.test': ['127.0.0.1'] }
    const names = await answerNames('127.0.0.1', 0, zone, () => {})
    onTestFinished(() => void names.close())
    const servers = [`127.0.0.1:${names.address().port}`]
    const url = new URL(`http://hook.test:${port}/`)
    const call = (policy: CallbackPolicy) => callWebhook(url, {}, '{}', policy, servers)
    expect((await call(LOOPBACK)).status).toBe(204)
    for (const address of inside) {
      zone['hook.test'] = [address]
      expect(await call(LOOPBACK)).toMatchObject({ status: null, error: NOT_ALLOWED })
    }
    // Of several addresses those that are not allowed do not count.
    zone['hook.test'] = [...inside, '127.0.0.1']
    expect((await call(LOOPBACK)).status).toBe(204)
    expect(await call(PUBLIC)).toMatchObject({ status: null, error: NOT_ALLOWED })
    expect(received).toHaveLength(2)
  })

  test('a name leads to allowed addresses only, a redirect nowhere', async () => {
    const named: CallbackPolicy = { public: false, names: ['localhost'], ranges: [] }
    const url = new URL(`http://localhost:${port}/first`)
    answers = [{ status: 302, headers: { location: `http://127.0.0.1:${port}/second` } }]
    expect(await callWebhook(url, {}, '{}', named)).toMatchObject({ status: 302 })
    expect(received.map(({ url: at }) => at)).toEqual(['/first'])
  })
})

test.each([
  [`whsec_${Buffer.alloc(24).toString('base64')}`, true],
  [`whsec_${Buffer.alloc(33).toString('base64')}`, true],
  [`whsec_${Buffer.alloc(64).toString('base64')}`, true],
  [`whsec_${Buffer.alloc(23).toString('base64')}`, false],
  [`whsec_${Buffer.alloc(65).toString('base64')}`, false],
  [Buffer.alloc(24).toString('base64'), false],
  ['whsec_', false],
])('%s as a secret: %s', (text, isOne) => {
  expect(SECRET.test(text)).toBe(isOne)
})

describe('the webhook of a run', () => {
  const client = new NativeClient()
  let folder: string

  async function open(settings: Partial<WebhookSettings> = {}, more: Partial<Config> = {}) {
    const webhooks = { policy: LOOPBACK, secret: null, delaysMs: [100, 100, 100], ...settings }
    const jobs = { ...readConfig({}).jobs, webhooks }
    const door = await openDoors(new FakeRuns(), { jobs, ...more }, { folder })
    client.url = door.url
    return door
  }
  beforeEach(() => {
    const parent = mkdtempSync(path.join(tmpdir(), 'executor-manager-webhooks-'))
    onTestFinished(() => rmSync(parent, { recursive: true }))
    folder = path.join(parent, 'store')
  })

  const submit = (callback: object, headers = {}) =>
    client.run(
      { language: 'python', code: 'print(1)', callback },
      { headers: { prefer: 'respond-async', ...headers } },
    )
  const urlOf = (name: string) => `http://127.0.0.1:${port}/${name}`
  const calls = (count: number) =>
    expect.poll(() => received.length, { timeout: 50_000 }).toBe(count)

  function expectSigned({ headers, body }: Received, key: Buffer): void {
    const { 'webhook-id': id, 'webhook-timestamp': timestamp } = headers
    const signed = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')
    expect(headers['webhook-signature']).toBe(`v1,${signed}`)
  }

  test('is called once it has ended, signed with its own secret, again until it is received', async () => {
    const door = await open()
    answers = [{ status: 500 }, { status: 302, headers: { location: '/elsewhere' } }]
    const { status, body } = await submit({ url: urlOf('hook'), secret: OWN_SECRET })
    expect(status).toBe(202)
    await calls(3)
    for (const call of received) {
      expect(call.url).toBe('/hook')
      expectSigned(call, KEY)
      expect(call.headers['webhook-id']).toBe(body.id)
      const told = JSON.parse(call.body)
      await client.check('RunCompleted', told)
      expect(told.data).toMatchObject({
        id: body.id,
        status: 'succeeded',
        url: `/v1/runs/${body.id}`,
      })
    }
    await expect.poll(() => door.store.thread.ask('nextDueMs')).toBeNull()
    await door.close()
  })

  test('is called after a restart, and no more once the receiver wants none', async () => {
    const operatorKey = Buffer.alloc(32, 9)
    const secret = `whsec_${operatorKey.toString('base64')}`
    const before = await open({ secret, delaysMs: [3_600_000] })
    answers = [{ status: 503, headers: { 'retry-after': '1' } }, { status: 410 }]
    await submit({ url: urlOf('hook') })
    await calls(1)
    await expect
      .poll(() => before.store.thread.ask('nextDueMs'))
      .toBeGreaterThan(Date.now() + 3_000_000)
    // The hour is over: it is the store's first run.
    await before.store.thread.ask('deliverAgain', 1, Date.now())
    await before.close()

    const after = await open({ secret })
    await calls(2)
    expectSigned(received[1] as Received, operatorKey)
    await expect.poll(() => after.store.thread.ask('nextDueMs')).toBeNull()
    await after.close()
  })

  test('is called in turn, however many another caller waits for', async () => {
    const many = 14
    const names = Array.from({ length: 9 }, (_, n) => `hostile${n}`)
    const text = [...names, 'honest'].map((name) => `${name}:${name}-has-a-long-key`).join(',')
    const door = await open({}, { keys: ApiKeys.parse(text) as ApiKeys })
    const bearer = (name: string) => ({ authorization: `Bearer ${name}-has-a-long-key` })
    let release = () => {}
    held = new Promise((resolve) => {
      release = resolve
    })
    const callback = (name: string) => ({ url: urlOf(name), secret: OWN_SECRET })
    for (const name of names) {
      for (let count = 0; count < many; count++) await submit(callback(name), bearer(name))
    }
    const before = received.length
    expect(before).toBeLessThan(many * names.length - 60)
    await submit(callback('honest'), bearer('honest'))
    release()
    await expect
      .poll(() => received.some(({ url }) => url === '/honest'), { timeout: 50_000 })
      .toBe(true)
    // Sixteen are made at a time; those of all callers take turns.
    expect(received.findIndex(({ url }) => url === '/honest') - before).toBeLessThan(50)
    await door.close()
  })

  test('is refused where it cannot be called', async () => {
    const door = await open()
    const refused = async (callback: object, headers = {}) => (await submit(callback, headers)).body
    expect(await refused({ url: 'http://10.0.0.1/', secret: OWN_SECRET })).toMatchObject({
      type: '/problems/invalid-request',
      errors: [{ pointer: '/callback/url' }],
    })
    expect(await refused({ url: urlOf('a') })).toMatchObject({
      errors: [{ pointer: '/callback/secret' }],
    })
    expect(await refused({ url: urlOf('a'), secret: 'short' })).toMatchObject({
      errors: [{ pointer: '/callback/secret' }],
    })
    expect(await refused({ url: urlOf('a'), secret: OWN_SECRET }, { prefer: '' })).toMatchObject({
      errors: [{ pointer: '/callback' }],
    })
    await door.close()
  })
})
