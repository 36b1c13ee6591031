import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import packet from 'dns-packet'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { EgressPolicy } from '../../src/network/egress-policy.ts'
import { type Asker, Resolver } from '../../src/network/resolver.ts'
import { answerNames } from '../support/name-server.mjs'

/** 100 characters. */
const LONG = `${'a'.repeat(60)}.${'b'.repeat(27)}.example.org`
const ZONE = {
  'web.example.org': ['203.0.113.10'],
  'other.example.org': ['203.0.113.11'],
  'inside.example.org': ['10.1.2.3'],
  'mixed.example.org': ['169.254.169.254', '203.0.113.10'],
  'many.example.org': Array.from({ length: 24 }, (_, i) => `203.0.113.${i + 1}`),
  [LONG]: Array.from({ length: 24 }, (_, i) => `203.0.113.${i + 1}`),
}

let upstream: Socket
let guest: Socket
let resolver: Resolver
let port: number
let asked: string[]
let pinned: string[]
let refused: number
let mayPin: boolean
let tenant: Asker | undefined

beforeEach(async () => {
  asked = []
  pinned = []
  refused = 0
  mayPin = true
  tenant = newTenant()
  upstream = await answerNames('127.0.0.1', 0, ZONE, (name) => asked.push(name))
  guest = createSocket('udp4').bind(0, '127.0.0.1')
  await once(guest, 'listening')
})

afterEach(() => {
  resolver.close()
  upstream.close()
  guest.close()
})

async function start(policy: EgressPolicy | null): Promise<void> {
  resolver = new Resolver({
    policy,
    upstream: [`127.0.0.1:${upstream.address().port}`],
    asker: () => tenant,
  })
  port = await resolver.listen()
}

function newTenant(): Asker {
  return {
    pin: async (addresses) => {
      pinned.push(...addresses)
      return mayPin
    },
    refused: () => void refused++,
  }
}

async function ask(name: string, type: 'A' | 'AAAA' | 'TXT' = 'A') {
  const question = packet.encode({
    type: 'query',
    id: 7,
    flags: packet.RECURSION_DESIRED,
    questions: [{ type, name }],
  })
  guest.send(question, port, '127.0.0.1')
  const [message] = (await once(guest, 'message')) as [Buffer]
  const answer = packet.decode(message)
  expect(answer).toMatchObject({ id: 7, type: 'response', questions: [{ name, type }] })
  const addresses = (answer.answers ?? []).map((record) => (record as { data: string }).data)
  const told = { rcode: (answer as unknown as { rcode: string }).rcode, addresses }
  // Not counted among what is compared.
  return Object.defineProperty(told as typeof told & { bytes: number }, 'bytes', {
    value: message.length,
    enumerable: false,
  })
}

describe('without a list', () => {
  beforeEach(() => start(null))

  test('a name is looked up, and its addresses opened before they are told', async () => {
    expect(await ask('web.example.org')).toEqual({ rcode: 'NOERROR', addresses: ['203.0.113.10'] })
    expect(pinned).toEqual(['203.0.113.10'])
  })

  test('a name that does not exist is so', async () => {
    expect(await ask('no.example.org')).toEqual({ rcode: 'NXDOMAIN', addresses: [] })
    expect(refused).toBe(0)
  })

  test('addresses that are always refused are left out', async () => {
    expect(await ask('mixed.example.org')).toEqual({
      rcode: 'NOERROR',
      addresses: ['203.0.113.10'],
    })
    expect(await ask('inside.example.org')).toEqual({ rcode: 'REFUSED', addresses: [] })
    expect(pinned).toEqual(['203.0.113.10'])
    expect(refused).toBe(1)
  })

  test('an answer fits into one packet of DNS over UDP, however long its name is', async () => {
    for (const [name, most] of [
      ['many.example.org', 14],
      [LONG, 3],
    ] as const) {
      const { addresses, bytes } = await ask(name)
      expect([name, addresses?.length]).toEqual([name, most])
      expect(bytes).toBeLessThanOrEqual(512)
    }
    expect(pinned).toHaveLength(17)
  })

  test('other kinds of records are not there, and are not asked for', async () => {
    expect(await ask('web.example.org', 'AAAA')).toEqual({ rcode: 'NOERROR', addresses: [] })
    expect(await ask('web.example.org', 'TXT')).toEqual({ rcode: 'NOERROR', addresses: [] })
    expect(asked).toEqual([])
  })

  test('an address that cannot be opened is not told', async () => {
    mayPin = false
    expect(await ask('web.example.org')).toEqual({ rcode: 'REFUSED', addresses: [] })
  })

  test('garbage, and a stranger, are not answered and harm nobody', async () => {
    for (const junk of ['', 'x', '\0'.repeat(12), '\xff'.repeat(500), 'y'.repeat(2000)]) {
      guest.send(Buffer.from(junk, 'latin1'), port, '127.0.0.1')
    }
    tenant = undefined
    guest.send(packet.encode({ type: 'query', questions: [] }), port, '127.0.0.1')
    tenant = newTenant()
    expect((await ask('web.example.org')).addresses).toEqual(['203.0.113.10'])
  })
})

test('a name that the resolver would read as another is refused, and not looked up', async () => {
  await start({ names: [], suffixes: ['.example.org'], ranges: [] })
  for (const label of ['evil.com\0', 'x\\', '\xff', '\u212a']) {
    expect(await ask(`${label}.example.org`), label).toEqual({ rcode: 'REFUSED', addresses: [] })
  }
  expect(asked).toEqual([])
})

test('who has an address next is neither held up by, nor told, what the one before asked', async () => {
  await start(null)
  const silent = 'silent.example.org'
  const question = packet.encode({ type: 'query', id: 9, questions: [{ type: 'A', name: silent }] })
  for (let count = 0; count < 16; count++) guest.send(question, port, '127.0.0.1')
  await vi.waitFor(() => expect(asked.filter((name) => name === silent).length).toBe(16))
  tenant = newTenant()
  expect((await ask('web.example.org')).addresses).toEqual(['203.0.113.10'])
})

test('with a list other names are refused, and not looked up', async () => {
  await start({ names: ['web.example.org'], suffixes: [], ranges: [] })
  expect((await ask('WEB.example.org')).addresses).toEqual(['203.0.113.10'])
  expect(await ask('other.example.org')).toEqual({ rcode: 'REFUSED', addresses: [] })
  expect(await ask('secret.other.example.org')).toEqual({ rcode: 'REFUSED', addresses: [] })
  expect(asked).toEqual(['web.example.org'])
  expect(refused).toBe(2)
})
