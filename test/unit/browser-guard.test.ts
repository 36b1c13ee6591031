import { describe, expect, test } from 'vitest'
import { webPageBehind } from '../../src/api/browser-guard.ts'

type Headers = { host?: string; origin?: string; site?: string }

function isRefused({ host, origin, site }: Headers, keyed = false): boolean {
  const request = { host, origin, secFetchSite: site }
  return webPageBehind(request, { hosts: ['executor.example.org'], keyed }) !== null
}

const OWN = '127.0.0.1:9385'

describe('without keys', () => {
  test.each([
    { host: OWN },
    { host: 'localhost:9385' },
    { host: 'LOCALHOST' },
    { host: '[::1]:9385' },
    { host: '192.0.2.7' },
    { host: 'executor.example.org' },
    { host: 'Executor.Example.org:9385' },
    { host: 'sandbox-executor-manager:9385' },
    { host: OWN, origin: `http://${OWN}`, site: 'same-origin' },
    { host: 'localhost', origin: 'http://localhost' },
    { host: 'localhost:80', origin: 'http://localhost' },
    { host: OWN, site: 'none' },
    { host: OWN, origin: 'https://executor.example.org' },
  ])('%o may ask', (headers) => {
    expect(isRefused(headers)).toBe(false)
  })

  test.each([
    {},
    { host: '' },
    { host: 'evil.example' },
    { host: 'rebind.evil.example:9385' },
    { host: '127.0.0.1.evil.example' },
    { host: 'executor.example.org.evil.example' },
    { host: 'a b' },
    { host: '127.0.0.1@evil.example' },
    { host: 'evil.example', origin: 'http://evil.example', site: 'same-origin' },
    { host: 'sandbox', origin: 'http://sandbox', site: 'same-origin' },
    { host: 'sandbox', site: 'none' },
    { host: OWN, origin: 'http://evil.example' },
    { host: OWN, origin: 'null' },
    { host: OWN, origin: '' },
    { host: OWN, origin: 'http://127.0.0.1:3000' },
    { host: OWN, site: 'cross-site' },
    { host: OWN, site: 'same-site' },
  ])('%o may not', (headers) => {
    expect(isRefused(headers)).toBe(true)
  })
})

describe('with keys', () => {
  test('any name will do, a foreign page will not', () => {
    expect(isRefused({ host: 'any.example' }, true)).toBe(false)
    expect(isRefused({}, true)).toBe(false)
    expect(isRefused({ host: 'any.example', origin: 'http://evil.example' }, true)).toBe(true)
    expect(isRefused({ host: 'any.example', site: 'cross-site' }, true)).toBe(true)
  })
})
