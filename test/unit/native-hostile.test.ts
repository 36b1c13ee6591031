import { request } from 'node:http'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { boundaryOf, readParts } from '../../src/api/v1/multipart.ts'
import { readBody } from '../../src/api/v1/read-body.ts'
import { MIB } from '../../src/lib/units.ts'
import { FakeRuns, openDoors } from '../support/door.ts'
import { NativeClient } from '../support/native-client.ts'

/** What a caller may send who means harm. */
const FORM = 'multipart/form-data; boundary=b'
const issuesOf = (body: string | Buffer, type = 'application/json') => {
  const read = readBody(Buffer.from(body), 'run', type)
  return 'issues' in read ? read.issues : []
}
const part = (head: string, content: string) => `--b\r\n${head}\r\n\r\n${content}\r\n`
const field = (name: string, content: string) =>
  part(`Content-Disposition: form-data; name="${name}"`, content)

describe('a form', () => {
  const token = fc.constantFrom(
    ...['--b', '--b--', '\r\n', '\r\n\r\n', '\r\n--b\r\n', '\r\n--b--', '--', '\n', ' ', '"', '\\'],
    ...[
      'Content-Disposition: form-data',
      'Content-Type: text/plain',
      '; name="code"',
      '; name=env',
    ],
    ...[
      '; name="files"',
      '; filename="a/b"',
      '; filename="..',
      '; name="argv"',
      '{}',
      'x',
      '\0',
      '\xff',
    ],
  )

  test('of any bytes is read, or refused with a pointer and words', () => {
    fc.assert(
      fc.property(fc.array(token, { maxLength: 40 }), (tokens) => {
        const read = readBody(Buffer.from(tokens.join(''), 'latin1'), 'run', FORM)
        if (!('issues' in read)) return
        expect(read.issues.length).toBeGreaterThan(0)
        for (const { pointer, detail } of read.issues) {
          expect(pointer).toMatch(/^(\/|$)/)
          expect(detail).not.toBe('')
        }
      }),
      { numRuns: 300 },
    )
  })

  test('gives back what was put in, whatever it is', () => {
    const bytes = fc
      .uint8Array({ maxLength: 60 })
      .filter((b) => !Buffer.from(b).includes('\r\n--b'))
    fc.assert(
      fc.property(fc.array(bytes, { minLength: 1, maxLength: 5 }), (contents) => {
        const body = Buffer.concat([
          ...contents.flatMap((content) => [
            Buffer.from(
              '--b\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n',
            ),
            content,
            Buffer.from('\r\n'),
          ]),
          Buffer.from('--b--'),
        ])
        const parts = readParts(body, 'b')
        if ('wrong' in parts) throw new Error(parts.wrong)
        expect(parts.map((one) => Buffer.from(one.content))).toEqual(
          contents.map((c) => Buffer.from(c)),
        )
      }),
      { numRuns: 100 },
    )
  })

  test.each([
    ['too many parts', field('argv', '').repeat(2000), 'more than 1024 parts'],
    ['too long a header', part(`X: ${'x'.repeat(9000)}`, ''), 'more than 8 KiB'],
    ['the code twice', field('code', '1') + field('code', '2'), 'twice'],
    ['a zero byte in an argument', field('code', '') + field('argv', 'a\0b'), 'zero byte'],
    ['too long an argument', field('code', '') + field('argv', 'x'.repeat(200_000)), '128 KiB'],
    ['an environment that is a list', field('code', '') + field('env', '[]'), 'expected record'],
    ['a limit as text', field('code', '') + field('limits', '"wall_ms"'), 'expected object'],
    [
      'a file outside',
      field('code', '') + part('Content-Disposition: form-data; name="files"; filename="../a"', ''),
      'relative path',
    ],
    [
      'a file without a name',
      field('code', '') + part('Content-Disposition: form-data; name="files"', ''),
      'relative path',
    ],
  ])('with %s is refused', (_what, parts, words) => {
    expect(issuesOf(`${parts}--b--`, FORM)[0]?.detail).toContain(words)
  })

  test('of a boundary with other characters is read as it stands', () => {
    for (const boundary of ["a'()+_,-./:=?b", '.*', '$&', '\\']) {
      const header = `multipart/form-data; boundary="${boundary}"`
      expect(boundaryOf(header)).toBe(boundary)
      const body = field('code', 'x').replace('--b', () => `--${boundary}`)
      const read = readBody(Buffer.from(`${body}--${boundary}--`), 'run', header)
      expect('value' in read && read.value[0]?.code.toString()).toBe('x')
    }
    expect(boundaryOf(`multipart/form-data; boundary=${'b'.repeat(100)}`)?.length).toBe(70)
  })
})

describe('a run in JSON', () => {
  test.each([
    ['{"code":"","env":{"__proto__":"x"}}', '/env'],
    ['{"code":"","limits":{"__proto__":{"wall_ms":1}}}', '/limits'],
    ['{"code":"","__proto__":{}}', ''],
    ['{"code":"","files":[{"path":"a","content":"","__proto__":{}}]}', '/files/0'],
  ])('%s: no name is left out without a word', (body, pointer) => {
    expect(issuesOf(body)[0]?.pointer).toBe(pointer)
  })

  test('that is nested deep is refused, whatever the member', () => {
    const deep = `${'['.repeat(60_000)}${']'.repeat(60_000)}`
    for (const name of [
      'collect',
      'env',
      'limits',
      'files',
      'argv',
      'mode',
      'stdin',
      'arguments',
    ]) {
      const [issue] = issuesOf(`{"code":"","${name}":${deep}}`)
      expect(issue?.detail, name).toBeTruthy()
    }
    const inside = `{"code":"","arguments":{"a":${deep}}}`
    expect(() => readBody(Buffer.from(inside), 'run', 'application/json')).not.toThrow()
  })

  test('with thousands of unknown names gets a short answer', () => {
    const names = Array.from({ length: 9000 }, (_, n) => `"${n}":1`)
    const [issue] = issuesOf(`{"code":"","limits":{${names}}}`)
    expect(issue?.detail.length).toBeLessThan(200)
    const long = issuesOf(`{"code":"","limits":{"${'x'.repeat(100_000)}":1}}`)
    expect(JSON.stringify(long).length).toBeLessThan(1000)
  })
})

describe('on the wire', () => {
  const runs = new FakeRuns()
  const client = new NativeClient()
  let door: Awaited<ReturnType<typeof openDoors>>
  beforeAll(async () => {
    door = await openDoors(runs)
    client.url = door.url
  })
  afterAll(() => door.close())

  test('a header beyond 16 KiB is refused, and the service goes on', async () => {
    const status = await new Promise((resolve, reject) => {
      const options = { method: 'POST', headers: { 'x-a': 'x'.repeat(30_000) } }
      request(`${door.url}/v1/runs`, options, (response) => {
        resolve(response.statusCode)
        response.resume()
      })
        .on('error', reject)
        .end()
    })
    expect(status).toBe(431)
    expect((await client.run({ code: '', language: 'python' })).status).toBe(200)
  })

  test('a form that never ends its parts is refused whole', async () => {
    const body = `${part('Content-Disposition: form-data; name="code"', 'x'.repeat(MIB))}`
    const headers = { 'content-type': FORM }
    const { status, body: problem } = await client.post('/v1/runs', body, { headers })
    expect([status, problem.type]).toEqual([400, '/problems/invalid-request'])
  })

  test.each(['/v1/runs/%00', '/v1//runs', `/v1/${'x'.repeat(9000)}`])(
    'the address %.30s is not there',
    async (path) => {
      const { status, text } = await client.fetch(path)
      expect(status).toBe(404)
      expect(text.length).toBeLessThan(1000)
    },
  )
})
