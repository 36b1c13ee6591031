import { expect, test } from 'vitest'
import { argvOf } from '../../src/api/judge0/check.ts'

test.each([
  [null, []],
  ['', []],
  [' a  b ', ['a', 'b']],
  ['a "b c"d \'e f\' g\\ h', ['a', 'b cd', 'e f', 'g h']],
  ['"a\\"b" \'c"d\'', ['a"b', 'c"d']],
  ['"a', null],
  ['a\\', null],
  ['a\0b', null],
  [5, null],
])('arguments %j', (said, words) => {
  expect(argvOf(said)).toEqual(words)
})
