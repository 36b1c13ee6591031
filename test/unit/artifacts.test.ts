import { describe, expect, test } from 'vitest'
import { acceptFiles } from '../../src/run/artifacts.ts'
import { leftOutDetail } from '../../src/run/detail.ts'
import { LIMITS } from '../support/limits.ts'

const file = (path: string | Buffer, content = 'x') => ({
  path: Buffer.from(path as string),
  content: Buffer.from(content),
})
const accept = (...files: ReturnType<typeof file>[]) => acceptFiles(files, [], LIMITS)

describe('acceptFiles', () => {
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
    const { files, leftOut } = accept(file(path))
    expect(files).toEqual([])
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
    const { files, leftOut } = accept(
      file('a.csv', ''),
      file('b.csv', most),
      file('c.csv', `${most}x`),
    )
    expect(files.map(({ path, content }) => [path, content.length])).toEqual([
      ['a.csv', 0],
      ['b.csv', 500],
    ])
    expect(leftOut).toEqual([{ path: 'c.csv', size: 501, reason: 'size' }])
  })

  test('the first of two of a path counts', () => {
    const { files } = accept(file('a.csv', 'one'), file('a.csv', 'two'))
    expect(files).toEqual([{ path: 'a.csv', content: Buffer.from('one') }])
  })

  test('no more than allowed', () => {
    const { files, leftOut } = accept(...['a', 'b', 'c', 'd'].map((name) => file(name)))
    expect(files.map(({ path }) => path)).toEqual(['a', 'b', 'c'])
    expect(leftOut).toEqual([{ path: 'd', size: 1, reason: 'number' }])
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
