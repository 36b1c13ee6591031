import { describe, expect, test } from 'vitest'
import { acceptArtifacts } from '../../src/result/artifacts.ts'
import { LIMITS } from '../support/limits.ts'

const file = (name: string | Buffer, content = 'x') => ({
  name: Buffer.from(name as string),
  content: Buffer.from(content),
})
const names = (...files: ReturnType<typeof file>[]) =>
  acceptArtifacts(files, LIMITS).map(({ name }) => name)

describe('acceptArtifacts', () => {
  test.each([
    ['a.png', 'image/png'],
    ['a.jpg', 'image/jpeg'],
    ['a.jpeg', 'image/jpeg'],
    ['a.svg', 'image/svg+xml'],
    ['a.pdf', 'application/pdf'],
    ['a.csv', 'text/csv'],
    ['a.json', 'application/json'],
    ['a.html', 'text/html'],
    ['A.PNG', 'image/png'],
    ['größe 図.csv', 'text/csv'],
    ['a.b.csv', 'text/csv'],
  ])('%s is %s', (name, mimeType) => {
    expect(acceptArtifacts([file(name, 'héllo')], LIMITS)).toEqual([
      {
        name,
        mime_type: mimeType,
        size: 6,
        content: Buffer.from('héllo'),
      },
    ])
  })

  test.each([
    '',
    '.csv',
    '.hidden.csv',
    'a.txt',
    'csv',
    '../a.csv',
    'a..csv',
    'b/a.csv',
    'b\\a.csv',
    'a\n.csv',
    'a\u0000.csv',
    'a\u007f.csv',
  ])('%j is left out', (name) => {
    expect(names(file(name))).toEqual([])
  })

  test('a name that is not UTF-8 is left out', () => {
    expect(names(file(Buffer.from([0xff, 0x2e, 0x63, 0x73, 0x76])))).toEqual([])
  })

  test('empty and too large files are left out, the largest allowed is not', () => {
    const most = 'x'.repeat(LIMITS.artifactBytes)
    expect(names(file('a.csv', ''), file('b.csv', most), file('c.csv', `${most}x`))).toEqual([
      'b.csv',
    ])
  })

  test('the first of two of a name counts', () => {
    expect(acceptArtifacts([file('a.csv', 'one'), file('a.csv', 'two')], LIMITS)).toMatchObject([
      { size: 3, content: Buffer.from('one') },
    ])
  })

  test('no more than allowed; those left out do not count', () => {
    const files = ['a.txt', 'a.csv', 'b.csv', 'c.csv', 'd.csv'].map((name) => file(name))
    expect(names(...files)).toEqual(['a.csv', 'b.csv', 'c.csv'])
  })
})
