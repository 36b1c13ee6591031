import { describe, expect, test } from 'vitest'
import { ApiKeys } from '../../src/api/api-keys.ts'
import { base64 } from '../support/client.ts'
import { useManager } from '../support/manager.ts'

const KEY = 'a-key-for-this-test'
const BODY = JSON.stringify({ code_b64: base64('def main(): return 1') })
const json = { 'content-type': 'application/json' }

const client = useManager({
  keys: ApiKeys.parse(`tester:${KEY},other:${KEY}-2`) as ApiKeys,
  rateLimit: { runs: 3, windowMs: 3_600_000 },
})

const post = (headers: Record<string, string>) =>
  fetch(`${client.url}/run`, { method: 'POST', headers: { ...json, ...headers }, body: BODY })

describe('keys', () => {
  test.each([
    ['none', {}],
    ['a wrong one', { authorization: `Bearer ${KEY}x` }],
    ['another scheme', { authorization: `Basic ${KEY}` }],
  ])('%s: 401, and how to send one', async (_what, headers) => {
    const response = await post(headers as Record<string, string>)
    expect(response.status).toBe(401)
    expect(response.headers.get('www-authenticate')).toBe('Bearer')
    expect(await response.json()).toEqual({ detail: expect.stringContaining('X-API-Key') })
  })

  test('metrics want a key too, health does not', async () => {
    expect((await fetch(`${client.url}/metrics`)).status).toBe(401)
    expect((await fetch(`${client.url}/healthz`)).status).toBe(200)
    expect((await fetch(`${client.url}/`)).status).toBe(200)
    const shown = await fetch(`${client.url}/metrics`, { headers: { 'x-api-key': KEY } })
    expect(shown.status).toBe(200)
  })
})

describe('the rate of a key', () => {
  test("is bounded, answered in the contract's words, and leaves other keys alone", async () => {
    const tester = { authorization: `Bearer ${KEY}` }
    for (let i = 0; i < 3; i++) {
      expect(await (await post(tester)).json()).toMatchObject({ status: 'success' })
    }
    const refused = await post(tester)
    expect(refused.status).toBe(200)
    expect(await refused.json()).toMatchObject({
      status: 'program_runner_error',
      exit_code: -429,
      detail: 'Too many requests, please try again later',
      stderr: 'Too many requests, please try again later',
    })
    expect(await (await post({ 'x-api-key': `${KEY}-2` })).json()).toMatchObject({
      status: 'success',
    })
  })
})

describe('the id of a request', () => {
  test('comes back as it was sent', async () => {
    const response = await fetch(`${client.url}/healthz`, { headers: { 'x-request-id': 'abc-1' } })
    expect(response.headers.get('x-request-id')).toBe('abc-1')
  })

  test('is made where there is none, or one that would spoil a log', async () => {
    for (const headers of [{}, { 'x-request-id': 'a b' }] as Record<string, string>[]) {
      const response = await fetch(`${client.url}/healthz`, { headers })
      expect(response.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
    }
  })
})
