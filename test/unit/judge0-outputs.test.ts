import { expect, test } from 'vitest'
import { isSameOutput } from '../../src/api/judge0/same-output.ts'

/** As Judge0 itself compares (Ruby), on texts. */
const stripped = (text: string) =>
  text
    .split('\n')
    .map((line) => line.replace(/[\0\t-\r ]+$/, ''))
    .join('\n')
    .replace(/[\0\t-\r ]+$/, '')

test.each([
  ['', '', true],
  ['', ' \n\0\t\r\n', true],
  ['1', '1  \n\n', true],
  ['1\r\n2\r\n', '1\n2', true],
  ['1\n2', '1\n\n2', false],
  ['1\n 2', '1\n2', false],
  ['1\n 2', '1  \n 2 ', true],
  ['1 2', '1  2', false],
  ['1\t2', '1 2', false],
  [' 1', '1', false],
  ['1', '', false],
  ['12', '1', false],
  ['1', '2', false],
  ['é\n', 'é', true],
])('%j and %j', (expected, output, isSame) => {
  expect(isSameOutput(Buffer.from(expected), Buffer.from(output))).toBe(isSame)
  expect(isSameOutput(Buffer.from(output), Buffer.from(expected))).toBe(isSame)
})

test('all short texts are compared as Judge0 does', () => {
  const letters = ['a', 'b', ' ', '\n']
  let texts = ['']
  for (let length = 0; length < 4; length++) {
    texts = [...new Set(texts.flatMap((text) => [text, ...letters.map((one) => text + one)]))]
  }
  for (const one of texts) {
    for (const other of texts) {
      const isSame = isSameOutput(Buffer.from(one), Buffer.from(other))
      if (isSame !== (stripped(one) === stripped(other))) expect.fail(JSON.stringify([one, other]))
    }
  }
})

test('millions of lines at the end do not count', () => {
  const lines = Buffer.alloc(12_000_000, '\n')
  expect(isSameOutput(lines, Buffer.alloc(0))).toBe(true)
  expect(isSameOutput(Buffer.from('1'), Buffer.concat([Buffer.from('1'), lines]))).toBe(true)
})
