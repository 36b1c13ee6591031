import { expect, test } from 'vitest'
import { MIB } from '../../src/lib/units.ts'
import { startService } from '../support/service.ts'
import { head, Raw, runRequest, sleep, until } from './raw.ts'

const TAIL = '"code_b64":"eD0x","language":"x"}'
const UNIT = '"aaaaaaaaaa":1,'
const LARGE = `{${UNIT.repeat(Math.floor((15 * MIB - TAIL.length) / UNIT.length))}${TAIL}`

/** How long the service takes for what needs no sandbox, in ms: the middle of so many times. */
async function delay(url: string, times: number): Promise<number> {
  const taken: number[] = []
  for (let i = 0; i < times; i++) {
    const caller = await Raw.open(url, '127.0.0.2')
    const started = performance.now()
    await caller.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await until(() => caller.status !== null)
    taken.push(performance.now() - started)
    caller.socket.destroy()
    await sleep(50)
  }
  return taken.sort((a, b) => a - b)[Math.floor(times / 2)] as number
}

/** A message of MCP, whose parameters have no end. */
const MESSAGE = `{"method":"tools/call","params":{${'"":1,'.repeat(800_000)}"name":"run_code"}}`

test.each([
  ['/run', LARGE, 422],
  ['/mcp', MESSAGE, 400],
])('large bodies that are invalid hold up nobody else: %s', async (path, body, status) => {
  const { client } = await startService()
  const alone = await delay(client.url, 10)
  let isOver = false
  const statuses: (number | null)[] = []
  const flood = async (from: string) => {
    while (!isOver) {
      const caller = await Raw.open(client.url, from)
      await caller.write(head(body.length, '', path))
      await caller.write(body)
      await until(() => caller.status !== null || caller.isClosed)
      statuses.push(caller.status)
      caller.socket.destroy()
    }
  }
  const floods = Array.from({ length: 6 }, (_, i) => flood(`127.0.0.${10 + (i % 3)}`))
  await until(() => statuses.length > 2)
  const beside = await delay(client.url, 30)
  isOver = true
  await Promise.all(floods)
  expect(statuses).toContain(status)
  expect(beside).toBeLessThan(20 * alone + 400)
})

test('a large body is told the same as a small one', async () => {
  const { client } = await startService()
  const pad = JSON.stringify('x'.repeat(100_000))
  for (const body of [
    '{"code_b64":5,"language":"cobol","arguments":[],"pad":0}',
    '{"code_b64":"%%%","pad":0}',
    '{"code_b64":"//79","pad":0}',
    '{"code_b64":"","pad":0,}',
    '["pad", 0]',
  ]) {
    const small = await client.post(body)
    const large = await client.post(body.replace('0', pad))
    expect([small.status, large.status]).toEqual([422, 422])
    // A place in the body is later by what was put in before it.
    const issues = async (response: Response, moved = 0) => {
      const { detail } = (await response.json()) as {
        detail: { input: unknown; loc: (string | number)[] }[]
      }
      return detail.map(({ input, loc, ...rest }) => ({
        ...rest,
        loc: loc.map((part) => (typeof part === 'number' && part > 0 ? part - moved : part)),
      }))
    }
    expect(await issues(large, pad.length - 1)).toEqual(await issues(small))
  }
  const argument = 'é😀'.repeat(50_000)
  const answer = await client.run('python', `def main(pad):\n  '''${argument}'''\n  return pad`, {
    pad: argument,
  })
  expect(answer.result?.value).toBe(argument)
})

test('callers who hang up while their large bodies wait to be read leave nothing behind', async () => {
  const { client } = await startService()
  for (let round = 0; round < 3; round++) {
    const callers = await Promise.all([1, 2, 3].map((n) => Raw.open(client.url, `127.0.0.${n}`)))
    await Promise.all(callers.map((caller) => caller.write(runRequest(LARGE))))
    for (const { socket } of callers) socket.destroy()
  }
  const caller = await Raw.open(client.url)
  await caller.write(runRequest(LARGE))
  await until(() => caller.status !== null)
  expect(caller.status).toBe(422)
})
