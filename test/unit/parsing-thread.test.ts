import { afterAll, describe, expect, test } from 'vitest'
import { readMessage } from '../../src/api/mcp/message.ts'
import { RpcError } from '../../src/api/mcp/rpc-error.ts'
import { ParsingThread } from '../../src/api/parsing-thread.ts'
import { checkResult } from '../../src/run/check-result.ts'

const thread = new ParsingThread(new Map([['python', 'python']]))
const stays = new AbortController().signal

afterAll(() => thread.close())

const blocksOf = (text: string) => {
  const bytes = Uint8Array.from(Buffer.from(text))
  return [bytes.slice(0, 5), bytes.slice(5)]
}
const parse = (text: string, signal = stays, caller = 'somebody') =>
  thread.parse(caller, blocksOf(text), Buffer.byteLength(text), signal)

describe('the thread', () => {
  test.each(['{"a":1}', `${'['.repeat(501)}${']'.repeat(501)}`, '1'.repeat(4301), '[1,'])(
    'checks results as it is done in place',
    async (text) => {
      const result = Buffer.from(text)
      expect(await thread.checkResult('somebody', result, stays)).toBe(checkResult(result))
      expect(result.toString()).toBe(text)
    },
  )

  test('reads bodies, whether arguments or code are the larger part', async () => {
    for (const [code, pad] of [
      ['x = 1', 'p'.repeat(1000)],
      ['#'.repeat(1000), 'p'],
    ] as const) {
      const code_b64 = Buffer.from(code).toString('base64')
      const parsed = await parse(JSON.stringify({ code_b64, arguments: { pad } }))
      if ('issues' in parsed) throw new Error('it is valid')
      expect(parsed.request.code.toString()).toBe(code)
      expect(JSON.parse(parsed.request.argumentsJson.toString())).toEqual({ pad })
    }
    expect(await parse('{"code_b64":1}')).toMatchObject({ issues: [{ type: 'string_type' }] })
  })

  test('reads messages of MCP as it is done in place', async () => {
    const call = (args: object) => ({
      jsonrpc: '2.0',
      id: 'ü',
      method: 'tools/call',
      params: { name: 'run_code', arguments: args, _meta: { progressToken: 1 } },
    })
    for (const message of [
      call({ language: 'python', code: 'é\n', stdin: '', files: [{ path: 'a', content: 'b' }] }),
      call({ language: 'python', code: '' }),
      { jsonrpc: '2.0', id: 1, method: 'tools/list' },
    ]) {
      const text = JSON.stringify(message)
      const read = await thread.readMessage('a', blocksOf(text), Buffer.byteLength(text), stays)
      expect(read).toEqual(readMessage(Buffer.from(text)))
    }
    for (const text of ['{"a":1,}', '[{}]', `{"a":"${'x'.repeat(200_000)}"}`]) {
      const why = (() => {
        try {
          return readMessage(Buffer.from(text))
        } catch (error) {
          return error
        }
      })()
      expect(why).toBeInstanceOf(RpcError)
      const read = thread.readMessage('a', blocksOf(text), Buffer.byteLength(text), stays)
      await expect(read).rejects.toEqual(why)
    }
  })

  test('does not begin for a caller who has gone, and goes on for the others', async () => {
    const gone = AbortSignal.abort()
    const all = await Promise.allSettled([
      parse('{}'),
      parse('{}', gone),
      parse('{}', stays, 'other'),
    ])
    expect(all.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(all[1]).toMatchObject({ reason: { code: 'RUN_CANCELLED' } })
  })

  test('that ends fails the body that it has, and another is started for the next', async () => {
    const lost = parse(`{"pad":"${'x'.repeat(5_000_000)}"}`)
    await thread.close()
    await lost.catch((error) => expect(error).toMatchObject({ code: 'REQUEST_NOT_READ' }))
    expect(await parse('{}')).toMatchObject({ issues: [{ type: 'missing' }] })
  })
})
