import { expect, test } from 'vitest'
import { Budget } from '../../src/api/accounts.ts'
import { globOf, MOST_PATTERN } from '../../src/api/jupyter/glob.ts'
import { InputHistory } from '../../src/api/jupyter/input-history.ts'
import { preferencesOf } from '../../src/api/v1/prefer.ts'

test.each([
  ['', '', true],
  ['', 'a', false],
  ['*', '', true],
  ['**', 'abc', true],
  ['abc', 'abc', true],
  ['ab', 'abc', false],
  ['a*', 'abc', true],
  ['*c', 'abc', true],
  ['*b', 'abc', false],
  ['*b*', 'abc', true],
  ['a?c', 'abc', true],
  ['a?', 'abc', false],
  ['?', '*', true],
  ['a*a', 'a', false],
  ['a*b*c', 'a-b-b-c', true],
  ['a*?x*c', 'axyxc', true],
  ['a*x?*c', 'axc', false],
  ['*ab*ab', 'ab', false],
  ['*aab*', 'aaab', true],
  ['*\n*', 'a\nb', true],
])('%j on %j: %s', (pattern, text, isFound) => {
  expect(globOf(pattern)?.(text)).toBe(isFound)
})

function historyOf(...programs: string[]): InputHistory {
  const history = new InputHistory(
    new Budget({ perCaller: 2 ** 30, total: 2 ** 30, evictFirst: 'oldest' }),
    'ann',
  )
  for (const [index, program] of programs.entries()) history.add(index + 1, Buffer.from(program))
  return history
}

test('a search finds what was executed', () => {
  const history = historyOf('import os', 'x = 1', 'import re')
  const said = history.reply({ hist_access_type: 'search', pattern: 'import*', n: 1 })
  expect(JSON.parse(said)).toEqual({ status: 'ok', history: [[0, 3, 'import re']] })
})

test('a pattern that is too long is an error, and nothing is searched', () => {
  const history = historyOf(`#${'a'.repeat(100_000)}`)
  const of = (length: number) => ({
    hist_access_type: 'search',
    pattern: `*${'a'.repeat(length - 2)}b`,
  })
  expect(JSON.parse(history.reply(of(MOST_PATTERN)))).toEqual({ status: 'ok', history: [] })
  const refused = JSON.parse(history.reply(of(MOST_PATTERN + 1)))
  expect(refused).toMatchObject({ status: 'error', ename: 'ValueError' })
})

test('a preference may have spaces around its sign', () => {
  const of = (prefer: string) => preferencesOf({ headers: { prefer } })
  expect(of('respond-async, wait = 5')).toEqual({ respondAsync: true, waitMs: 5000 })
  expect(of('wait="7"').waitMs).toBe(7000)
  expect(of(`wait${' '.repeat(15_000)}x`).waitMs).toBe(0)
})
