import fc from 'fast-check'
import type { FastifyRequest } from 'fastify'
import { describe, expect, test } from 'vitest'
import { byWalk, entryInfo } from '../../src/api/e2b/envd/entries.ts'
import { metadataIn } from '../../src/api/e2b/envd/file-metadata.ts'
import { rangeIn } from '../../src/api/e2b/envd/file-range.ts'
import { partsIn } from '../../src/api/e2b/envd/multipart-stream.ts'
import { absolute, userNamed } from '../../src/api/e2b/envd/users.ts'
import { detailedEntriesIn } from '../../src/sessions/file-records.ts'

const BOUNDARY = 'x-boundary'

async function read(form: Buffer, cuts: readonly number[] = []) {
  const pieces: Buffer[] = []
  let at = 0
  for (const cut of cuts) {
    pieces.push(form.subarray(at, at + cut))
    at += cut
  }
  pieces.push(form.subarray(at))
  const parts: { name: string; filename: string | null; content: string }[] = []
  const source = (async function* () {
    yield* pieces
  })()
  for await (const { name, filename, content } of partsIn(source, BOUNDARY)) {
    const chunks: Buffer[] = []
    for await (const chunk of content) chunks.push(chunk)
    parts.push({ name, filename, content: Buffer.concat(chunks).toString('latin1') })
  }
  return parts
}

function formOf(contents: readonly Uint8Array[]): Buffer {
  const parts = contents.flatMap((content, index) => [
    Buffer.from(
      `--${BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="d/${index}"\r\n`,
    ),
    Buffer.from('Content-Type: text/plain\r\n\r\n'),
    Buffer.from(content),
    Buffer.from('\r\n'),
  ])
  return Buffer.concat([...parts, Buffer.from(`--${BOUNDARY}--\r\n`)])
}

describe('a form that is read as it comes', () => {
  test('has its parts, however it is cut', async () => {
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 30 }),
      fc
        .constantFrom('\r\n', '\r\n--', `\r\n--${BOUNDARY.slice(0, -1)}`, '--')
        .map((text) => Buffer.from(text)),
    )
    const content = fc
      .array(piece, { maxLength: 4 })
      .map((pieces) => Buffer.concat(pieces))
      .filter((bytes) => !bytes.includes(`\r\n--${BOUNDARY}`))
    await fc.assert(
      fc.asyncProperty(
        fc.array(content, { maxLength: 4 }),
        fc.array(fc.nat(20)),
        async (contents, cuts) => {
          const expected = contents.map((one, index) => ({
            name: 'file',
            filename: `d/${index}`,
            content: Buffer.from(one).toString('latin1'),
          }))
          expect(await read(formOf(contents), cuts)).toEqual(expected)
        },
      ),
    )
  })

  test('ends in order or is refused, whatever comes', async () => {
    const words = [
      '\r\n',
      '--',
      BOUNDARY,
      'Content-Disposition: form-data; name=a',
      '\r\n\r\n',
      'x',
      '\0',
    ]
    const form = fc.array(fc.constantFrom(...words)).map((all) => Buffer.from(all.join('')))
    await fc.assert(
      fc.asyncProperty(form, fc.array(fc.nat(9)), async (bytes, cuts) => {
        const failed = await read(bytes, cuts).then(
          () => null,
          (error: { statusCode?: number }) => error,
        )
        expect([undefined, 400]).toContain(failed?.statusCode)
      }),
    )
  })

  test('is refused when it is cut, and when its headers have no end', async () => {
    const whole = formOf([Buffer.from('abc')])
    await expect(read(whole.subarray(0, -6))).rejects.toThrow('ends before')
    const headers = Buffer.from(`--${BOUNDARY}\r\nA: ${'b'.repeat(9000)}`)
    await expect(read(headers)).rejects.toThrow('8 KiB')
    await expect(read(Buffer.from(`--${BOUNDARY}${' '.repeat(100)}`))).rejects.toThrow('no end')
    const many = Buffer.from(`--${BOUNDARY}\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n`)
    await expect(read(Buffer.concat(Array(1100).fill(many)))).rejects.toThrow('1024')
  })
})

test('ranges are read as HTTP has them', () => {
  expect(rangeIn('bytes=0-4', 10)).toEqual({ start: 0, end: 5 })
  expect(rangeIn('bytes=5-', 10)).toEqual({ start: 5, end: 10 })
  expect(rangeIn('bytes=-3', 10)).toEqual({ start: 7, end: 10 })
  expect(rangeIn('bytes=-30', 10)).toEqual({ start: 0, end: 10 })
  expect(rangeIn('bytes=3-99', 10)).toEqual({ start: 3, end: 10 })
  for (const none of [undefined, 'bytes=', 'bytes=-', 'bytes=4-2', 'bytes=0-1,3-4', 'lines=0-1']) {
    expect(rangeIn(none, 10)).toBe(null)
  }
  for (const beyond of ['bytes=10-', 'bytes=10-12', 'bytes=-0']) {
    expect(rangeIn(beyond, 10)).toBe('unsatisfiable')
  }
  expect(rangeIn('bytes=0-', 0)).toBe('unsatisfiable')
})

describe('metadata of files', () => {
  const of = (rawHeaders: string[]) => metadataIn({ raw: { rawHeaders } } as FastifyRequest)

  test('is what headers say, the first of each name', () => {
    const sent = [
      'Host',
      'x',
      'X-Metadata-Author',
      'me',
      'x-metadata-author',
      'you',
      'x-metadata-a.b',
      '',
    ]
    expect(of(sent)).toEqual({ author: 'me', 'a.b': '' })
    expect(of(['x-metadata-__proto__', 'x'])).toEqual(JSON.parse('{"__proto__": "x"}'))
  })

  test('is refused beyond what a file can have', () => {
    for (const [name, value] of [
      ['', 'x'],
      ['k'.repeat(247), 'x'],
      ['k', 'a\u00e9'],
      ['k', 'v'.repeat(4096)],
    ] as const) {
      expect(() => of([`X-Metadata-${name}`, value])).toThrow('metadata')
    }
  })
})

test('paths are from the home of their user, and have no way above the root', () => {
  const [user, root] = [userNamed(null), userNamed('root')]
  if (!user || !root) throw new Error('there are these users')
  expect(absolute('', user)).toBe('/home/user')
  expect(absolute('a/../../b/', user)).toBe('/home/b')
  expect(absolute('~/x', root)).toBe('/root/x')
  expect(absolute('~', user)).toBe('/home/user')
  expect(absolute('/../../etc', user)).toBe('/etc')
  expect(userNamed('nobody')).toBe(null)
  expect(userNamed('__proto__')).toBe(null)
})

describe('entries', () => {
  const record = (facts: string, path: string, rest: string[]) =>
    [facts, path, ...rest, ''].join('\0')
  const modified = '1700000000000000000'

  test('are told as E2B has them', () => {
    const said = [
      record(`f 644 5 ${modified} 1000 1000`, 'a', ['', '', '', '1', 'k', 'v']),
      record(`l 777 3 ${modified} 0 7`, 'l', ['a', 'd 755', '/x', '0']),
      record(`d 1777 0 ${modified} 0 0`, 'd', ['', '', '', '0']),
    ]
    const entries = detailedEntriesIn(said.join(''))
    expect(entries.map((entry) => entryInfo(entry, `/h/${entry.path}`))).toMatchObject([
      {
        name: 'a',
        type: 'FILE_TYPE_FILE',
        size: '5',
        mode: 0o644,
        permissions: '-rw-r--r--',
        owner: 'user',
        metadata: { k: 'v' },
      },
      {
        type: 'FILE_TYPE_DIRECTORY',
        mode: 0o755,
        permissions: 'Lrwxrwxrwx',
        owner: 'root',
        group: '7',
        symlinkTarget: '/x',
      },
      {
        type: 'FILE_TYPE_DIRECTORY',
        permissions: 'dtrwxrwxrwx',
        modifiedTime: '2023-11-14T22:13:20.000Z',
      },
    ])
  })

  test('that a sandbox tells wrongly are left out, with what comes after', () => {
    const good = record(`f 644 5 ${modified} 0 0`, 'a', ['', '', '', '0'])
    for (const bad of [
      record(`f 644 5 ${modified} 0 0`, 'b', ['', '', '', '99999']),
      record(`f 644 5 ${modified} 0 0`, 'b', ['', '', '', '7', 'k']),
      record('nonsense', 'b', ['', '', '', '0']),
      'f',
    ]) {
      expect(detailedEntriesIn(good + bad).map(({ path }) => path)).toEqual(['a'])
    }
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('\0', 'f', '1', ' ', '6') }), (said) => {
        expect(Array.isArray(detailedEntriesIn(said))).toBe(true)
      }),
    )
  })

  test('are in the order of a walk', () => {
    expect(['a-b', 'b', 'a/b', 'a', 'a/b/c', 'a/b-c'].sort(byWalk)).toEqual([
      'a',
      'a/b',
      'a/b/c',
      'a/b-c',
      'a-b',
      'b',
    ])
  })
})
