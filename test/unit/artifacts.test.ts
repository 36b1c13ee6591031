import { describe, expect, test } from 'vitest'
import { acceptArtifacts } from '../../src/run/artifacts.ts'
import { leftOutDetail } from '../../src/run/detail.ts'
import { LIMITS } from '../support/limits.ts'

const file = (path: string | Buffer, content = 'x') => ({
  path: Buffer.from(path as string),
  content: Buffer.from(content),
})
const accept = (...files: ReturnType<typeof file>[]) => acceptArtifacts(files, [], LIMITS)
const names = (...paths: string[]) =>
  accept(...paths.map((path) => file(path))).artifacts.map(({ name }) => name)

describe('acceptArtifacts', () => {
  test.each([
    ['a.png', 'image/png'],
    ['a.jpg', 'image/jpeg'],
    ['a.svg', 'image/svg+xml'],
    ['a.csv', 'text/csv'],
    ['a.txt', 'text/plain'],
    ['a.md', 'text/markdown'],
    ['a.xlsx', 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet'],
    ['a.tar.gz', 'application/gzip'],
    ['A.PNG', 'image/png'],
    ['größe 図.csv', 'text/csv'],
    ['Makefile', 'application/octet-stream'],
    ['a.unknown', 'application/octet-stream'],
  ])('%s is %s', (name, mimeType) => {
    expect(accept(file(name, 'héllo'))).toEqual({
      artifacts: [{ name, mime_type: mimeType, size: 6, content: Buffer.from('héllo') }],
      leftOut: [],
    })
  })

  test.each([
    '',
    '.csv',
    '.hidden/a.csv',
    'a/.hidden.csv',
    '/etc/a.csv',
    'a//b.csv',
    'a/',
    '../a.csv',
    'a/../b.csv',
    'a..csv',
    'b\\a.csv',
    'a\n.csv',
    'a\u0000.csv',
    'a\u007f.csv',
  ])('%j is left out for its name', (path) => {
    const { artifacts, leftOut } = accept(file(path))
    expect(artifacts).toEqual([])
    expect(leftOut).toMatchObject([{ size: 1, reason: 'name' }])
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
    expect(leftOut[0]?.path).not.toMatch(/[\u0000-\u001f]/)
  })

  test('a name that is not UTF-8 is left out', () => {
    const { leftOut } = accept(file(Buffer.from([0x61, 0xff, 0x2e, 0x63, 0x73, 0x76])))
    expect(leftOut).toEqual([{ path: 'a\ufffd.csv', size: 1, reason: 'name' }])
  })

  test('an empty file is one; too large ones are left out', () => {
    const most = 'x'.repeat(LIMITS.artifactBytes)
    const { artifacts, leftOut } = accept(
      file('a.csv', ''),
      file('b.csv', most),
      file('c.csv', `${most}x`),
    )
    expect(artifacts.map(({ name, size }) => [name, size])).toEqual([
      ['a.csv', 0],
      ['b.csv', 500],
    ])
    expect(leftOut).toEqual([{ path: 'c.csv', size: 501, reason: 'size' }])
  })

  test('the first of two of a path counts', () => {
    const { artifacts } = accept(file('a.csv', 'one'), file('a.csv', 'two'))
    expect(artifacts).toMatchObject([{ size: 3, content: Buffer.from('one') }])
  })

  test('no more than allowed', () => {
    const { artifacts, leftOut } = accept(...['a', 'b', 'c', 'd'].map((name) => file(name)))
    expect(artifacts.map(({ name }) => name)).toEqual(['a', 'b', 'c'])
    expect(leftOut).toEqual([{ path: 'd', size: 1, reason: 'number' }])
  })

  test.each([
    [
      ['artifacts/a.csv', 'plots/b.png'],
      ['a.csv', 'b.png'],
    ],
    [
      ['artifacts/a.csv', 'a.csv', 'x/y/a.csv'],
      ['artifacts-a.csv', 'a.csv', 'x-y-a.csv'],
    ],
    [
      ['a/b.csv', 'c/b.csv', 'a-b.csv'],
      ['a-b.csv', 'c-b.csv', '2-a-b.csv'],
    ],
  ])('names without folders: %j', (paths, expected) => {
    expect(names(...paths)).toEqual(expected)
  })
})

describe('leftOutDetail', () => {
  const limits = { ...LIMITS, artifacts: 10, artifactBytes: 10 * 1024 ** 2 }

  test('says which and why', () => {
    const files = [
      { path: 'a.csv', size: 1, reason: 'number' },
      { path: 'b.bin', size: 2, reason: 'size' },
    ] as const
    expect(leftOutDetail(files, 7, limits)).toBe(
      'Files left out: a.csv (more than 10 files), b.bin (larger than 10 MiB), 5 more.',
    )
    expect(leftOutDetail([], 0, limits)).toBeNull()
  })

  test('stays short', () => {
    const files = Array.from({ length: 50 }, (_, n) => ({
      path: `${n}`,
      size: 1,
      reason: 'time' as const,
    }))
    expect(leftOutDetail(files, 4000, limits)).toMatch(/19 \(not collected in time\), 3980 more\.$/)
  })
})
