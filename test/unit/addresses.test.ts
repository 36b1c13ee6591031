import { describe, expect, test } from 'vitest'
import {
  callerOfAddress,
  networkMatcher,
  parseNetworks,
  rateAccountOf,
} from '../../src/api/addresses.ts'

test.each([
  ['192.0.2.7', '192.0.2.7'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['::FFFF:192.0.2.7', '192.0.2.7'],
  ['::1', '::1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8:1:2::9', '2001:db8:1:2::/64'],
  ['2001:0DB8:0001:0002::9', '2001:db8:1:2::/64'],
  ['2001:db8::9', '2001:db8:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['64:ff9b::192.0.2.7', '64:ff9b:0:0::/64'],
  ['', ''],
])('%s is the caller %s', (address, caller) => {
  expect(callerOfAddress(address)).toBe(caller)
})

test('loopback has one rate, others have their own', () => {
  expect(['127.0.0.1', '127.9.9.9', '::1'].map(rateAccountOf)).toEqual(Array(3).fill('loopback'))
  expect(rateAccountOf('128.0.0.1')).toBe('128.0.0.1')
})

describe('networks', () => {
  test.each(['10.0.0.0/33', '10.0.0.0/', '10.0.0.0/8/8', 'proxy', '', '::/129', '10.0.0.1,,'])(
    '%j is none',
    (text) => {
      expect(parseNetworks(text)).toHaveProperty('wrong')
    },
  )

  test('hold their addresses, however those are written', () => {
    const isIn = networkMatcher(parseNetworks('10.0.0.1, 192.168.0.0/16,fd00::/8') as string[])
    const inside = ['10.0.0.1', '::ffff:10.0.0.1', '192.168.3.4', 'fd12::1']
    expect(inside.filter((address) => !isIn(address))).toEqual([])
    expect(['10.0.0.2', '192.169.0.1', 'fe80::1', '', 'x'].filter(isIn)).toEqual([])
  })
})
