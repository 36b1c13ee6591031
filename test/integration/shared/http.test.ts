import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { base64 } from '../../support/client.ts'
import { useShared } from '../../support/shared-manager.ts'

const { client } = useShared()
const code = base64('def main(): return 1')

describe('health', () => {
  test.each(['/', '/healthz'])('GET %s', async (path) => {
    const response = await fetch(client.url + path)
    expect(response.status).toBe(200)
    expect(await response.json()).toEqual({ status: 'ok' })
  })

  test.each([
    ['GET', '/nothing'],
    ['POST', '/nothing'],
    ['GET', '/runs'],
  ])('%s %s is not there', async (method, path) => {
    const response = await fetch(client.url + path, { method })
    expect(response.status).toBe(404)
    expect(await response.json()).toEqual({ detail: 'Not Found' })
  })
})

describe('another method', () => {
  test.each([
    ['GET', '/run', 'POST'],
    ['GET', '/run/?a=1', 'POST'],
    ['PUT', '/run', 'POST'],
    ['DELETE', '/run', 'POST'],
    ['OPTIONS', '/run', 'POST'],
    ['POST', '/healthz', 'GET, HEAD'],
  ])('%s %s: 405', async (method, path, allow) => {
    const body = method === 'PUT' ? '{"a":' : undefined
    const response = await fetch(client.url + path, { method, ...(body ? { body } : {}) })
    expect(response.status).toBe(405)
    expect(response.headers.get('allow')).toBe(allow)
    expect(await response.json()).toEqual({ detail: 'Method Not Allowed' })
  })
})

describe('a good request', () => {
  test.each(['/run/', '/run?from=here', '/run/?from=here'])('may be sent to %s', async (path) => {
    const headers = { 'content-type': 'application/json' }
    const body = JSON.stringify({ code_b64: code })
    const response = await fetch(client.url + path, { method: 'POST', headers, body })
    expect(await response.json()).toMatchObject({ status: 'success', result: { value: 1 } })
  })

  test.each([
    ['python', 'def main(a): return [str(x) for x in a]', ['nan', 'inf', '-inf', '1.5']],
    [
      'nodejs',
      'function main({ a }) { return a.map(String) }',
      ['NaN', 'Infinity', '-Infinity', '1.5'],
    ],
    ['bash', 'cat arguments.json', null],
  ])('%s: may have arguments that are no finite numbers', async (language, source, value) => {
    const text = await client.runForText(language, source, '{"a": [NaN, Infinity, -Infinity, 1.5]}')
    const answer = JSON.parse(text)
    expect(answer.status).toBe('success')
    if (value) expect(answer.result.value).toEqual(value)
    else expect(answer.stdout).toBe('{"a": [NaN, Infinity, -Infinity, 1.5]}')
  })

  test.each([
    ['gzip', gzipSync],
    ['x-gzip', gzipSync],
    ['GZIP', gzipSync],
    ['deflate', deflateSync],
    ['deflate', deflateRawSync],
    ['identity', (bytes: Buffer) => bytes],
  ])('may come as %s', async (encoding, compress) => {
    const args = { a: 'x'.repeat(3 * 1024 ** 2) }
    const source = base64('def main(a): return len(a)')
    const body = compress(Buffer.from(JSON.stringify({ code_b64: source, arguments: args })))
    const headers = { 'content-type': 'application/json', 'content-encoding': encoding }
    const response = await client.post(new Uint8Array(body), { headers })
    expect(await response.json()).toMatchObject({ result: { value: args.a.length } })
  })

  test('needs the code alone', async () => {
    const response = await client.post(JSON.stringify({ code_b64: code }))
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toContain('application/json')
    expect(await response.json()).toMatchObject({ status: 'success', result: { value: 1 } })
  })

  test('is told where its time went', async () => {
    const response = await client.post(JSON.stringify({ code_b64: code }))
    const timing = response.headers.get('server-timing')
    expect(timing).toMatch(/^queue;dur=[\d.]+, execute;dur=[\d.]+, collect;dur=[\d.]+$/)
  })

  test.each([
    ['python', 'import sys\ndef main(): return sys.implementation.name', 'cpython'],
    ['python3', 'import sys\ndef main(): return sys.implementation.name', 'cpython'],
    ['nodejs', 'function main() { return process.release.name }', 'node'],
    ['javascript', 'function main() { return process.release.name }', 'node'],
    ['js', 'function main() { return process.release.name }', 'node'],
  ])('%s', async (language, source, value) => {
    expect((await client.run(language, source)).result?.value).toBe(value)
  })

  test('null arguments', async () => {
    const answer = await client.run('python', 'def main(**a): return a', null)
    expect(answer.result?.value).toEqual({})
  })

  test('a charset in the content type', async () => {
    const headers = { 'content-type': 'application/json; charset=utf-8' }
    const response = await client.post(JSON.stringify({ code_b64: code }), { headers })
    expect(response.status).toBe(200)
  })
})

describe('a compressed body', () => {
  const post = (body: Buffer | string, encoding: string) => {
    const headers = { 'content-type': 'application/json', 'content-encoding': encoding }
    return client.post(new Uint8Array(Buffer.from(body as string)), { headers })
  }

  test.each(['br', 'zstd', 'gzip, gzip', 'nonsense'])('%s: 415, by name', async (encoding) => {
    const response = await post('{}', encoding)
    expect(response.status).toBe(415)
    expect(response.headers.get('accept-encoding')).toContain('gzip, deflate')
    expect(await response.json()).toMatchObject({
      detail: [{ loc: ['header', 'content-encoding'], msg: expect.any(String), input: encoding }],
    })
  })

  test('that is not what it says: 422', async () => {
    const whole = gzipSync(JSON.stringify({ code_b64: code }))
    for (const body of ['{"code_b64":""}', '', whole.subarray(0, whole.length - 12)]) {
      const response = await post(body as string, 'gzip')
      expect(response.status).toBe(422)
      expect(await response.json()).toEqual({ detail: expect.stringContaining('gzip') })
    }
  })

  test('that becomes more than a body may be: 413', async () => {
    const bomb = gzipSync(Buffer.alloc(512 * 1024 ** 2), { level: 1 })
    const response = await post(bomb, 'gzip')
    expect(response.status).toBe(413)
    expect(await response.json()).toEqual({ detail: expect.stringContaining('16 MiB') })
  })
})

describe('a bad request', () => {
  test.each([
    ['nothing', '', 'missing', ['body']],
    ['malformed JSON', '{"code_b64":', 'json_invalid', ['body', 12]],
    ['no object', '[]', 'model_attributes_type', ['body']],
    ['no code', '{}', 'missing', ['body', 'code_b64']],
    ['code of a wrong type', '{"code_b64":5}', 'string_type', ['body', 'code_b64']],
    ['code that is not base64', '{"code_b64":"%%%"}', 'value_error', ['body', 'code_b64']],
    ['code that is not UTF-8', '{"code_b64":"//79"}', 'value_error', ['body', 'code_b64']],
    ['no such language', '{"code_b64":"","language":"cobol"}', 'enum', ['body', 'language']],
    ['arguments in a list', '{"code_b64":"","arguments":[]}', 'dict_type', ['body', 'arguments']],
  ])('%s: 422', async (_what, body, type, loc) => {
    const response = await client.post(body)
    expect(response.status).toBe(422)
    expect(await response.json()).toEqual({
      detail: [expect.objectContaining({ type, loc, msg: expect.any(String) })],
    })
  })

  test('bytes that are not UTF-8: 422', async () => {
    const response = await client.post(Buffer.from('{"code_b64":"\xff"}', 'latin1'))
    expect(response.status).toBe(422)
  })

  test.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data'])(
    '%s: 422',
    async (type) => {
      const headers = { 'content-type': type }
      const response = await client.post(JSON.stringify({ code_b64: code }), { headers })
      expect(response.status).toBe(422)
      expect(await response.json()).toMatchObject({ detail: [{ loc: ['header', 'content-type'] }] })
    },
  )

  test('more than 16 MiB: 413', async () => {
    const response = await client.post(`{"code_b64":"${'A'.repeat(16 * 1024 ** 2)}"}`)
    expect(response.status).toBe(413)
    expect(await response.json()).toEqual({
      detail: 'The request body is larger than 16 MiB.',
    })
  })

  test('up to that is taken', async () => {
    const args = { a: 'x'.repeat(15 * 1024 ** 2) }
    const answer = await client.run('python', 'def main(a): return len(a)', args)
    expect(answer.result?.value).toBe(15 * 1024 ** 2)
  })
})
