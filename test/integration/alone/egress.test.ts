import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { linkOf } from '../../../src/network/address-block.ts'
import { sample } from '../../support/sample.ts'
import { type Service, startService } from '../../support/service.ts'
import { NEVER, PUBLIC, SmallInternet } from '../../support/small-internet.ts'
import { NO_TRACES, tracesOf, until } from '../../support/traces.ts'

sample(3)

/** Sandboxes with a network: what they reach, and what they must not. */

const internet = new SmallInternet()

beforeAll(() => internet.open())
afterAll(() => internet.close())

/** @param through what else the service is started through */
const start = (env: Record<string, string> = {}, through: string[] = []) =>
  startService({ ...internet.settings, ...env }, [...internet.through, ...through])

/** Tries to connect, and says of each address "open" or the error. */
const connecting = (addresses: string[], port = 80) => `
import socket
def main():
    found = {}
    for address in ${JSON.stringify(addresses)}:
        try:
            socket.create_connection((address, ${port}), 5).close()
            found[address] = "open"
        except OSError as error:
            found[address] = type(error).__name__
    return found
`

const fetching = (url: string) => `
import requests
def main():
    return requests.get(${JSON.stringify(url)}, timeout=5).text
`

const getting = (url: string) => `
const axios = require('axios')
async function main() {
  return (await axios.get(${JSON.stringify(url)})).data
}
`

const all = (addresses: readonly string[], what: string) =>
  Object.fromEntries(addresses.map((address) => [address, what]))

async function refusedSoFar({ client }: Service): Promise<number> {
  const text = await (await fetch(`${client.url}/metrics`)).text()
  return Number(/^executor_manager_refused_connections_total (\d+)/m.exec(text)?.[1])
}

async function endsCleanly(service: Service): Promise<void> {
  service.kill('SIGTERM')
  expect(await service.ended()).toBe(0)
  expect(tracesOf(service.pid)).toEqual(NO_TRACES)
  expect(internet.traces().tables).toEqual([])
  // The kernel takes them down after the namespaces at their other end.
  await until(() => internet.traces().links.length === 0)
}

test('egress: public hosts by address and name, never inner ones', async () => {
  const service = await start()
  const { client } = service

  await expect(client.run('python', connecting([...PUBLIC]))).resolves.toMatchObject({
    result: { value: all(PUBLIC, 'open') },
  })
  const own = [internet.serviceAddress, internet.serviceOutsideAddress, '198.19.255.53']
  const inner = await client.run('python', connecting([...NEVER, ...own]))
  expect(inner.result?.value).toEqual(all([...NEVER, ...own], 'ConnectionRefusedError'))
  const port = await client.run('python', connecting(own, 9385))
  expect(port.result?.value).toEqual(all(own, 'ConnectionRefusedError'))

  // Its address is translated: the other side sees the host's.
  const seen = `203.0.113.10 for ${internet.serviceOutsideAddress}`
  for (const [language, program] of [
    ['python', fetching('http://web.example.org/')],
    ['nodejs', getting('http://web.example.org/')],
  ] as const) {
    expect(await client.run(language, program)).toMatchObject({ result: { value: seen } })
  }

  await until(async () => (await refusedSoFar(service)) === NEVER.length + 2 * own.length)
  await endsCleanly(service)
})

test('the servers of this small internet can be reached, if nothing is in the way', () => {
  for (const address of [...PUBLIC, ...NEVER]) {
    expect(internet.get(`http://${address}/`)).toContain(address)
  }
})

test('without a setting there is no network, not even a device', async () => {
  const service = await start({ SANDBOX_NETWORK: 'none', SANDBOX_EGRESS_DNS: '' })
  const answer = await service.client.run('python', connecting([...PUBLIC, ...NEVER]))
  expect(new Set(Object.values(answer.result?.value ?? {}))).toEqual(new Set(['OSError']))
  expect(await service.client.run('bash', 'cat /proc/net/dev')).toMatchObject({
    stdout: expect.not.stringContaining('eth0'),
  })
  expect(internet.traces()).toEqual({ links: [], tables: [] })
  await endsCleanly(service)
})

test('an allow list: names, wildcards and ranges, and only addresses that were handed out', async () => {
  const service = await start({
    SANDBOX_EGRESS_ALLOW: 'web.example.org, *.example.net, 203.0.113.11',
  })
  const { client } = service
  expect(await client.run('python', fetching('http://203.0.113.11/'))).toMatchObject({
    status: 'success',
  })
  const pinned = await client.run(
    'python',
    `
import socket
def tried():
    try:
        socket.create_connection(("203.0.113.10", 80), 5).close()
        return "open"
    except OSError as error:
        return type(error).__name__
def main():
    before = tried()
    socket.gethostbyname("web.example.org")
    return [before, tried()]
`,
  )
  expect(pinned.result?.value).toEqual(['ConnectionRefusedError', 'open'])

  // The next sandbox in that namespace finds nothing opened. A pool of one comes round at once.
  for (let run = 0; run < 8; run++) {
    const next = await client.run('python', connecting(['203.0.113.10']))
    expect(next.result?.value).toEqual({ '203.0.113.10': 'ConnectionRefusedError' })
  }
  expect(await client.run('nodejs', getting('http://other.example.org/'))).toMatchObject({
    unauthorized_access_type: 'network_access',
  })
  expect(internet.log).not.toContain('name other.example.org')
  await endsCleanly(service)
})

test('what a refusal makes fail is called so; another failure is not', async () => {
  const service = await start()
  const { client } = service
  const refused = { status: 'unauthorized_access', unauthorized_access_type: 'network_access' }
  const own = { status: 'program_error', unauthorized_access_type: null }
  for (const [language, program] of [
    ['python', fetching('http://169.254.169.254/')],
    ['python', fetching('http://inside.example.org/')],
    ['nodejs', getting('http://10.1.2.3/')],
    ['nodejs', getting('http://inside.example.org/')],
  ] as const) {
    expect(await client.run(language, program), program).toMatchObject(refused)
  }
  for (const [language, program] of [
    ['python', fetching('http://203.0.113.10:81/')],
    ['python', fetching('http://nowhere.example.org/')],
    ['python', `${connecting(['10.1.2.3'])}\n    raise ValueError`.replace('return found', 'pass')],
    ['nodejs', getting('http://203.0.113.10:81/')],
  ] as const) {
    expect(await client.run(language, program), program).toMatchObject(own)
  }
  await endsCleanly(service)
})

test('the axios example of the RAGFlow documentation', async () => {
  const service = await start()
  const example = `
const axios = require('axios');
async function main({}) {
  try {
    const response = await axios.get('http://github.com/infiniflow/ragflow');
    return 'Body:' + response.data;
  } catch (error) {
    return 'Error:' + error.message;
  }
}`
  // But for the scheme: nobody here has github.com's certificate.
  expect(await service.client.run('nodejs', example)).toMatchObject({
    status: 'success',
    result: { value: expect.stringMatching(/^Body:203\.0\.113\.10/) },
    stderr: '',
  })
  expect(internet.log).toContain('web 203.0.113.10 /infiniflow/ragflow')
  await endsCleanly(service)
})

describe('caps', () => {
  test('of connections, for each sandbox', async () => {
    const service = await start()
    const program = `
import socket
def main():
    held = []
    try:
        while len(held) < 100:
            held.append(socket.create_connection(("203.0.113.10", 80), 5))
    except ConnectionRefusedError:
        pass
    return len(held)
`
    const answers = await Promise.all([1, 2].map(() => service.client.run('python', program)))
    expect(answers.map(({ result }) => result?.value)).toEqual([64, 64])
    await endsCleanly(service)
  })

  test('of bandwidth: 11 MiB come at once, the rest with 10 MiB a second', async () => {
    const service = await start({ SANDBOX_TIMEOUT: '60s' })
    const program = `
import time, requests
def main():
    began = time.monotonic()
    size = len(requests.get("http://203.0.113.10/bytes/24000000").content)
    return [size, time.monotonic() - began]
`
    const answer = await service.client.run('python', program)
    const [size = 0, seconds] = (answer.result?.value ?? []) as number[]
    expect(size).toBe(24_000_000)
    // Nobody can be too slow for this: it is the least time that the cap leaves.
    expect(seconds).toBeGreaterThan(1.1)
    await endsCleanly(service)
  })
})

test('IPv6, raw packets and other sandboxes are out of reach', async () => {
  const service = await start()
  const program = `
import socket
def error_of(action):
    try:
        return action() or "done"
    except OSError as error:
        return type(error).__name__
def connect(family, address):
    with socket.socket(family) as connection:
        connection.settimeout(2)
        connection.connect((address, 80))
def main():
    return [
        error_of(lambda: connect(socket.AF_INET6, "2001:db8::1")),
        error_of(lambda: connect(socket.AF_INET6, "fe80::1")),
        error_of(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)),
        error_of(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW)),
    ]
`
  const answer = await service.client.run('python', program)
  expect(answer.result?.value).toEqual(Array(4).fill(expect.stringMatching(/Error$/)))
  const others = internet.traces().links.map((device) => {
    const [block = 0, index = 0] = device.slice('em'.length).split('x').map(Number)
    return linkOf(block, index).guest
  })
  expect(others.length).toBeGreaterThan(3)
  const found = (await service.client.run('python', connecting(others))).result?.value
  // One of them is its own address, at which nothing listens.
  expect(found).toEqual(all(others, 'ConnectionRefusedError'))
  await endsCleanly(service)
})

test('what a killed manager leaves of its network, the next one removes', async () => {
  const killed = await start()
  expect(internet.traces().tables).toHaveLength(1)
  killed.kill('SIGKILL')
  await killed.ended()
  const next = await start()
  expect(internet.traces().tables).toHaveLength(1)
  expect(tracesOf(killed.pid)).toEqual(NO_TRACES)
  await endsCleanly(next)
})

test('where it cannot work it is refused: no sandbox gets a network without a filter', async () => {
  const failed = start({}, ['setpriv', '--bounding-set', '-net_admin'])
  await expect(failed).rejects.toThrow('SANDBOX_NETWORK=egress cannot work here')
  expect(internet.traces()).toEqual({ links: [], tables: [] })
})
