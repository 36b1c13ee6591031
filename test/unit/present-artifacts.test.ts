import { describe, expect, test } from 'vitest'
import { LIMITS } from '../support/limits.ts'
import { answerTo, CLEAN_END, recordWith } from '../support/record.ts'

describe('artifacts', () => {
  test('files left out are told, those that were not named too', () => {
    const report = { ...CLEAN_END, artifactsLeftOut: 3 }
    const leftOut = [{ path: Buffer.from('a.csv'), size: 9, reason: 'number' as const }]
    expect(answerTo(recordWith({ report, leftOut }), LIMITS).detail).toBe(
      'Files left out: a.csv (more than 3 files), 2 more.',
    )
  })

  test('files of a run that did not succeed are facts, but not in this answer', () => {
    const artifacts = [{ path: Buffer.from('a.csv'), content: Buffer.from('x') }]
    const answer = answerTo(
      recordWith({ artifacts, report: { ...CLEAN_END, exitCode: 1 } }),
      LIMITS,
    )
    expect(answer.artifacts).toEqual([])
  })
})

describe('names of artifacts', () => {
  const namesOf = (...paths: string[]) => {
    const artifacts = paths.map((path) => ({ path: Buffer.from(path), content: Buffer.from('x') }))
    return answerTo(recordWith({ artifacts }), LIMITS).artifacts.map(({ name }) => name)
  }

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
  ])('have no folders: %j', (paths, expected) => {
    expect(namesOf(...paths)).toEqual(expected)
  })

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
    const content = Buffer.from('héllo')
    const artifacts = [{ path: Buffer.from(name), content }]
    expect(answerTo(recordWith({ artifacts }), LIMITS).artifacts).toEqual([
      { name, mime_type: mimeType, size: 6, content },
    ])
  })
})
