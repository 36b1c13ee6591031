import { expect, test } from 'vitest'
import { useManager } from '../support/manager.ts'
import { Raw, runRequest, until } from './raw.ts'

const RUN = JSON.stringify({ code_b64: '', language: 'python' })
const RATE_LIMITED = /"exit_code":-429/

const client = useManager({
  runtimes: ['python'],
  rateLimit: { runs: 2, windowMs: 3_600_000 },
  trustedProxies: ['127.0.0.9'],
})

/** Whether the rate lets a run pass. */
async function mayRun(from: string, forwardedFor?: string): Promise<boolean> {
  const caller = await Raw.open(client.url, from)
  const forwarded = forwardedFor === undefined ? '' : `X-Forwarded-For: ${forwardedFor}\r\n`
  await caller.write(runRequest(RUN, forwarded))
  await until(() => /"exit_code":/.test(caller.text))
  caller.socket.destroy()
  return !RATE_LIMITED.test(caller.text)
}

test('loopback has one rate, whatever address it uses and whomever it claims to be', async () => {
  expect([await mayRun('127.0.0.1'), await mayRun('127.0.0.2')]).toEqual([true, true])
  expect(await mayRun('127.0.0.3')).toBe(false)
  expect(await mayRun('127.0.0.1', '192.0.2.1')).toBe(false)
})

test('behind a trusted proxy each address has its own, and a /64 of IPv6 is one', async () => {
  const proxy = '127.0.0.9'
  const asked: boolean[] = []
  for (const address of ['192.0.2.1', '192.0.2.1', '192.0.2.1', '192.0.2.2']) {
    asked.push(await mayRun(proxy, address))
  }
  expect(asked).toEqual([true, true, false, true])
  // What a caller writes itself stands further left, and nobody believes it.
  expect(await mayRun(proxy, '192.0.2.77, 192.0.2.1')).toBe(false)
  const of64: boolean[] = []
  for (const end of ['1', '2', 'ffff:1']) of64.push(await mayRun(proxy, `2001:db8:1:2::${end}`))
  expect(of64).toEqual([true, true, false])
  expect(await mayRun(proxy, '2001:db8:1:3::1')).toBe(true)
})
