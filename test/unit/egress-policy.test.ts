import { describe, expect, test } from 'vitest'
import { BLOCKS, blockRange, devicePrefix, LINKS, linkOf } from '../../src/network/address-block.ts'
import {
  allowsName,
  isRefusedAddress,
  parseEgressAllow,
  plainHostName,
} from '../../src/network/egress-policy.ts'
import { countOf } from '../../src/network/links.ts'
import { ruleset } from '../../src/network/ruleset.ts'

describe('isRefusedAddress', () => {
  test.each([
    ...['0.0.0.0', '10.0.0.1', '100.64.0.1', '127.0.0.1', '168.63.129.16', '169.254.169.254'],
    ...['172.16.0.1', '172.31.255.255', '192.0.0.1', '192.168.1.1', '198.18.0.1', '198.19.255.53'],
    ...['224.0.0.1', '239.255.255.255', '240.0.0.1', '255.255.255.255'],
    ...['::1', 'fe80::1', '2001:db8::1', '::ffff:8.8.8.8', 'web.example.org', ''],
  ])('%s is refused', (address) => expect(isRefusedAddress(address)).toBe(true))

  test.each([
    '1.1.1.1',
    '172.15.255.255',
    '172.32.0.1',
    '192.0.1.1',
    '198.17.255.255',
    '223.255.255.255',
  ])('%s is not', (address) => expect(isRefusedAddress(address)).toBe(false))
})

describe('parseEgressAllow', () => {
  test('takes names, wildcards, addresses and CIDRs', () => {
    expect(parseEgressAllow(' API.Example.org, *.example.net. ,8.8.8.0/24,9.9.9.9,')).toEqual({
      names: ['api.example.org'],
      suffixes: ['.example.net'],
      ranges: ['8.8.8.0/24', '9.9.9.9/32'],
    })
  })

  test.each([
    ['https://example.org', 'https://example.org is no host name'],
    ['example.org:443', 'example.org:443 is no host name'],
    ['*', '* is no host name'],
    ['*.*.org', '*.*.org is no host name'],
    ['a.*.org', 'a.*.org is no host name'],
    ['1.2.3', '1.2.3 is no host name'],
    ['8.8.8.8/33', '8.8.8.8/33 is no host name'],
    ['2001:db8::/32', '2001:db8::/32 is no host name'],
    ['two words', 'two words is no host name'],
    ['10.0.0.0/8', '10.0.0.0/8 lies in a range that is always refused'],
    ['ok.example.org,169.254.169.254', '169.254.169.254 lies in a range'],
  ])('%s cannot be used', (text, why) => {
    expect(parseEgressAllow(text)).toEqual({ wrong: expect.stringContaining(why) })
  })
})

describe('allowsName', () => {
  const policy = { names: ['api.example.org'], suffixes: ['.example.net'], ranges: [] }

  test.each(['api.example.org', 'a.example.net', 'a.b.example.net'])('%s is allowed', (name) =>
    expect(allowsName(policy, name)).toBe(true),
  )

  test.each([
    'example.org',
    'x.api.example.org',
    'example.net',
    'badexample.net',
    'api.example.org.evil',
    '',
  ])('"%s" is not', (name) => expect(allowsName(policy, name)).toBe(false))

  test('without a list all are', () => expect(allowsName(null, 'anything')).toBe(true))
})

describe('plainHostName', () => {
  test.each([
    ['api.example.org', 'api.example.org'],
    ['API.Example.ORG.', 'api.example.org'],
    ['_sip._tcp.example.org', '_sip._tcp.example.org'],
  ])('%s is %s', (name, plain) => expect(plainHostName(name)).toBe(plain))

  // What a resolver would make of these is another name.
  test.each([
    ...['', '.', '..', 'a..b', '-a.org', 'a b.org', 'evil.com\0.example.org', 'x\\.example.org'],
    ...['evil\\046com.example.org', '\xff.example.org', '\u212a.org', 'a\u3002org', 'a/b.org'],
    ...[`${'a'.repeat(64)}.org`, `${'a.'.repeat(127)}org`],
  ])('%j is none', (name) => expect(plainHostName(name)).toBeNull())
})

describe('addresses of links', () => {
  test('no two links share one, and all lie in the range set aside', () => {
    const seen = new Set<string>()
    for (let block = 0; block < BLOCKS; block++) {
      for (let index = 0; index < LINKS; index++) {
        const { device, router, guest } = linkOf(block, index)
        expect(device.length).toBeLessThanOrEqual(15)
        for (const text of [device, router, guest]) seen.add(text)
        expect(isRefusedAddress(guest)).toBe(true)
      }
    }
    expect(seen.size).toBe(3 * BLOCKS * LINKS)
  })

  test('no block has the devices of another: their prefixes begin none of its names', () => {
    expect(linkOf(1, 0).device.startsWith(devicePrefix(1))).toBe(true)
    expect(linkOf(12, 0).device.startsWith(devicePrefix(1))).toBe(false)
    expect(blockRange(1)).toBe('198.18.4.0/22')
  })
})

describe('ruleset', () => {
  const shape = { table: 'sandboxes', block: 3, resolverPort: 5353 }

  test('a policy lets pass what was pinned or is listed, and refuses the rest', () => {
    const policy = { names: ['a.org'], suffixes: [], ranges: ['8.8.8.0/24'] }
    const text = ruleset({ ...shape, policy })
    expect(text).toContain('elements = { 8.8.8.0/24 }')
    expect(text).toMatch(/@pinned accept\s+ip daddr @allowed accept\s+goto refuse\s+}/)
  })

  test('what is always refused is so before anything is accepted', () => {
    for (const policy of [null, { names: [], suffixes: [], ranges: ['8.8.8.0/24'] }]) {
      const outward = ruleset({ ...shape, policy }).split('chain outward')[1] ?? ''
      expect(outward.indexOf('@never goto refuse')).toBeGreaterThan(0)
      expect(outward.indexOf('@never goto refuse')).toBeLessThan(outward.indexOf('accept'))
    }
  })
})

test('countOf reads the counter of one element of a set', () => {
  const elem = [{ elem: { val: '198.18.0.2', counter: { packets: 3, bytes: 180 } } }]
  const listed = JSON.stringify({
    nftables: [{ metainfo: {} }, { set: { name: 'refused', elem } }],
  })
  expect(countOf(listed, '198.18.0.2')).toBe(3)
  expect(countOf(listed, '198.18.0.6')).toBe(0)
  expect(countOf('{"nftables":[{"set":{"name":"refused"}}]}', '198.18.0.2')).toBe(0)
})
