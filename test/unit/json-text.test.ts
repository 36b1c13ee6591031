import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { findJsonFault, isJson } from '../../src/lib/json-text.ts'

const check = (text: string) => isJson(Buffer.from(text))

function parses(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

describe('isJson', () => {
  test('takes whatever JSON.stringify writes', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(0, 2, '\t'), (value, space) => {
        expect(check(JSON.stringify(value, null, space))).toBe(true)
      }),
    )
  })

  test('says what JSON.parse says of texts that are nearly JSON', () => {
    const token = fc.constantFrom(
      ...['{', '}', '[', ']', ',', ':', '"', '\\', '\\u00e9', '\\u00g9', '\\n', '\\x', 'a', 'é'],
      ...['0', '01', '-', '1', '.', '5', 'e', 'E+', '1e5', '-0', 'true', 'false', 'null', 'nul'],
      ...[' ', '\n', '\t', '\r', '\f', '\u00a0', '\u0001', '\ufeff', '"k"', '"k":', '{}', '[]'],
    )
    fc.assert(
      fc.property(fc.array(token, { maxLength: 12 }), (tokens) => {
        const text = tokens.join('')
        expect(check(text)).toBe(parses(text))
      }),
      { numRuns: 20_000 },
    )
  })

  test('says what JSON.parse says of JSON with one character changed', () => {
    const change = fc.tuple(fc.jsonValue(), fc.nat(), fc.constantFrom(...'{}[],:"\\0-e. x'))
    fc.assert(
      fc.property(change, ([value, where, character]) => {
        const text = JSON.stringify(value)
        const at = where % text.length
        const changed = text.slice(0, at) + character + text.slice(at + 1)
        expect(check(changed)).toBe(parses(changed))
      }),
      { numRuns: 5000 },
    )
  })

  test.each([
    '',
    ' ',
    '[',
    '{',
    '[1,]',
    '{"a":1,}',
    '{,}',
    '[,1]',
    '1 1',
    '[]]',
    '{"a"}',
    '[}',
    '"',
  ])('refuses %j', (text) => {
    expect(check(text)).toBe(false)
  })

  test('millions of brackets are no more than bytes to it', () => {
    const half = 2_000_000
    expect(check('['.repeat(half) + ']'.repeat(half))).toBe(true)
    expect(check(`${'{"a":'.repeat(half)}1${'}'.repeat(half)}`)).toBe(true)
    expect(check('['.repeat(half))).toBe(false)
  })

  test.each([
    ['[[1]]', 2, true],
    ['[[[1]]]', 2, false],
    ['[[1],{"a":[]},[[]]]', 2, true],
    ['{"a":{"b":{"c":1}}}', 2, false],
  ])('%s with %i open brackets at most: %s', (text, most, expected) => {
    expect(isJson(Buffer.from(text), { depth: most })).toBe(expected)
  })

  test.each([
    ['123', true],
    ['1234', false],
    ['-123', true],
    ['-1234', false],
    ['[1, {"a": 1234}]', false],
    ['1234.5', true],
    ['1234e1', true],
    ['1.2345', true],
    ['"1234"', true],
  ])('%s with 3 digits of a whole number at most: %s', (text, expected) => {
    expect(isJson(Buffer.from(text), { digits: 3 })).toBe(expected)
  })
})

describe('findJsonFault', () => {
  // The places and words of Python's json.loads.
  test.each([
    ['{"a" {"b": 1}}', 5, "Expecting ':' delimiter"],
    ['{"a": 1 "b": 2}', 8, "Expecting ',' delimiter"],
    ["{'a': 1}", 1, 'Expecting property name enclosed in double quotes'],
    ['{"a": tru}', 6, 'Expecting value'],
    ['{"a": -}', 6, 'Expecting value'],
    ['', 0, 'Expecting value'],
    ['{"a": "b', 6, 'Unterminated string starting at'],
    ['{"a": "b\n"}', 8, 'Invalid control character at'],
    ['{"a": "b\\x"}', 8, 'Invalid \\escape'],
    ['{"a": "\\u12g4"}', 8, 'Invalid \\uXXXX escape'],
    ['{"a": 1} x', 9, 'Extra data'],
    ['[NaN]', 1, 'Expecting value'],
  ])('%j: at %i, %s', (text, at, why) => {
    expect(findJsonFault(Buffer.from(text))).toEqual({ at, why })
  })

  test('takes what Python writes for numbers that are not finite, where that is wished', () => {
    const check = (text: string) => isJson(Buffer.from(text), { nonFinite: true })
    for (const text of ['NaN', '[-Infinity, Infinity]', '{"a":NaN}', '[-1]', '-0.5'])
      expect(check(text)).toBe(true)
    for (const text of ['-NaN', 'nan', 'Infinit', '+Infinity', '-Infinit', 'N']) {
      expect(check(text)).toBe(false)
    }
  })
})
