import { expect, test } from 'vitest'
import { scaledMs } from '../../src/lib/time-scale.ts'
import { ContextClient } from '../support/context-client.ts'
import { useManager } from '../support/manager.ts'

const client = useManager({ readySessions: 1, sessionsPerCaller: 8 })
const sessions = new ContextClient(client)

async function untilReady(template: string): Promise<void> {
  const count = async () => {
    const answer = (await (await fetch(`${client.url}/v1/status`)).json()) as {
      executors: { pool: string; count: number }[]
    }
    return answer.executors.find(({ pool }) => pool === `session-${template}`)?.count
  }
  await expect.poll(count, { timeout: scaledMs(60_000) }).toBe(1)
}

/** What a program prints in a session of a ready sandbox, as words. */
async function wordsIn(template: string, code: string, env = {}): Promise<string[]> {
  await untilReady(template)
  const id = await sessions.create(template, { env })
  const { status, text, json } = await sessions.call('POST', `/${id}/runs`, { code })
  expect(status, text).toBe(200)
  expect(json(), text).toMatchObject({ status: 'succeeded', execution_count: 1 })
  await sessions.call('DELETE', `/${id}`)
  return json().stdout.trim().split(/\s+/)
}

test.each([
  [
    'nodejs',
    `const c = require('node:crypto')
console.log(Math.random(), c.randomUUID(), c.randomBytes(8).toString('hex'), c.randomInt(2 ** 40),
  c.generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }).x,
  require('node:vm').runInNewContext('Math.random()'))`,
    6,
  ],
  [
    'bash',
    'echo $RANDOM.$RANDOM.$RANDOM $SRANDOM $(mktemp -u) $(head -c 8 /dev/urandom | od -An -tx8)',
    4,
  ],
])('two ready sandboxes of %s share no randomness', async (template, code, count) => {
  await sessions.create(template)
  const one = await wordsIn(template, code)
  const other = await wordsIn(template, code)
  expect(one).toHaveLength(count)
  expect(other).toHaveLength(count)
  expect(one.filter((word, index) => word === other[index])).toEqual([])
})

test.each([
  ['nodejs', 'console.log(process.env.WORD, new Date(0).getHours())'],
  ['bash', 'echo $WORD $(date -d @0 +%-H)'],
])('%s is told of the environment of its session', async (template, code) => {
  await sessions.create(template)
  const env = { WORD: 'x=1', TZ: 'Asia/Tokyo' }
  expect(await wordsIn(template, code, env)).toEqual(['x=1', '9'])
})
