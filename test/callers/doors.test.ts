import { expect, test } from 'vitest'
import { startService } from '../support/service.ts'
import { Raw, runRequest, sleep, until } from './raw.ts'

const KEY = 'a-key-for-this-test'
const GET = 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n'
const RUN = JSON.stringify({ code_b64: Buffer.from('def main(): return 1').toString('base64') })

/** What an honest caller with a key is answered, from an address that nobody else has. */
async function honest(url: string): Promise<number | null> {
  const caller = await Raw.open(url, '127.0.0.200')
  await caller.write(runRequest(RUN, `X-API-Key: ${KEY}\r\n`))
  await until(() => caller.status !== null || caller.isClosed)
  caller.socket.destroy()
  return caller.status
}

test('connections that are held without a key make room for a caller with one', async () => {
  // 200 connections are half of these descriptors.
  const { client } = await startService({ EXECUTOR_MANAGER_API_KEYS: `tester:${KEY}` }, [
    'prlimit',
    '--nofile=400:400',
  ])
  const held: Raw[] = []
  for (let i = 0; i < 300; i++) held.push(await Raw.open(client.url, `127.0.1.${i % 10}`))
  expect(await honest(client.url)).toBe(200)
  await until(() => held.filter(({ isClosed }) => isClosed).length >= 100)
  // The ones that waited longest.
  expect(held.slice(0, 90).every(({ isClosed }) => isClosed)).toBe(true)

  // One address has a quarter.
  for (let i = 0; i < 60; i++) held.push(await Raw.open(client.url, '127.0.2.1'))
  await until(() => held.slice(300).filter(({ isClosed }) => isClosed).length >= 10)
  expect(await honest(client.url)).toBe(200)

  // Half of a head ends after 10 s.
  const slow = await Raw.open(client.url)
  await slow.write('GET / HTTP/1.1\r\n')
  const started = performance.now()
  await until(() => slow.isClosed)
  expect(performance.now() - started).toBeGreaterThan(5000)
})

test('a connection is kept for a caller with a valid key only', async () => {
  const { client } = await startService({ EXECUTOR_MANAGER_API_KEYS: `tester:${KEY}` })
  for (const request of [
    GET,
    runRequest(RUN),
    runRequest(RUN, 'X-API-Key: no-such-key-at-all\r\n'),
  ]) {
    const stranger = await Raw.open(client.url)
    await stranger.write(request)
    await until(() => stranger.isClosed)
    expect(stranger.text).toMatch(/^connection: close\r$/im)
  }
  const tester = await Raw.open(client.url)
  await tester.write(runRequest(RUN, `X-API-Key: ${KEY}\r\n`))
  await until(() => tester.text.includes('"value":1'))
  await sleep(500)
  expect(tester.isClosed).toBe(false)
})

const EVIL = 'Origin: http://evil.example\r\n'
const STRANGE: [what: string, host: string, more: string][] = [
  ['a rebound name', 'rebind.example', ''],
  ['a rebound name with its own origin', 'rebind.example', 'Origin: http://rebind.example\r\n'],
  ['a page elsewhere', 'localhost', EVIL],
  ['a page elsewhere, by its fetch metadata', 'localhost', 'Sec-Fetch-Site: cross-site\r\n'],
  ['no host', '', ''],
]

test('a web page does not get through, whether keys are set or not, and its body is not read', async () => {
  const { client } = await startService({ EXECUTOR_MANAGER_HOSTS: 'executor.example.org' })
  const ask = async (host: string, more: string, length: number) => {
    const caller = await Raw.open(client.url)
    const size = `Content-Type: application/json\r\nContent-Length: ${length}\r\n`
    await caller.write(`POST /run HTTP/1.1\r\nHost: ${host}\r\n${more}${size}\r\n`)
    if (length === RUN.length) await caller.write(RUN)
    await until(() => caller.status !== null)
    caller.socket.destroy()
    return caller.status
  }
  for (const [what, host, more] of STRANGE) expect(await ask(host, more, 1e6), what).toBe(403)
  const { port } = new URL(client.url)
  for (const host of ['localhost', `127.0.0.1:${port}`, 'executor.example.org', 'executor']) {
    expect(await ask(host, '', RUN.length), host).toBe(200)
  }
  const rebound = await Raw.open(client.url)
  await rebound.write('GET /metrics HTTP/1.1\r\nHost: rebind.example\r\n\r\n')
  await until(() => rebound.status !== null)
  expect(rebound.status).toBe(403)
})
