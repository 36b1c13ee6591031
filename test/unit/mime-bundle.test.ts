import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bytesOfBundle, decodeBundle } from '../../src/run/mime-bundle.ts'

const decode = (text: string) => decodeBundle(Buffer.from(text))

describe('decodeBundle', () => {
  test.each([
    ['text', { 'text/plain': 'ü' }],
    ['several forms', { 'text/plain': '1', 'image/svg+xml': '<svg/>', 'application/json': [1.5] }],
    ['a vendor’s type', { 'application/vnd.plotly.v1+json': { data: [] } }],
  ])('takes %s', (_what, bundle) => {
    expect(decode(JSON.stringify(bundle))).toEqual(bundle)
  })

  test.each([
    ['nothing', ''],
    ['what is no JSON', '{"text/plain": x}'],
    ['half of it', '{"text/plain": "'],
    ['no object', '["text/plain"]'],
    ['null', 'null'],
    ['a number', '1'],
    ['no form', '{}'],
    ['a name that is no media type', '{"plain": ""}'],
    ['__proto__', '{"__proto__": {"a": 1}}'],
    ['an empty half', '{"text/": ""}'],
    ['a name with a line end', '{"text/plain\\n": ""}'],
    ['a long name', `{"text/${'x'.repeat(200)}": ""}`],
    [
      'too many forms',
      JSON.stringify(Object.fromEntries([...Array(33)].map((_, i) => [`a/${i}`, '']))),
    ],
    ['too deep', `{"a/b": ${'['.repeat(200)}${']'.repeat(200)}}`],
    ['deeper than a stack', `{"a/b": ${'['.repeat(200_000)}${']'.repeat(200_000)}}`],
  ])('refuses %s', (_what, text) => {
    expect(decode(text)).toBeNull()
  })

  test('whatever comes, it gives a bundle that can be told, or null', () => {
    const anything = fc.oneof(
      fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
      fc.json().map((text) => Buffer.from(text)),
      fc
        .dictionary(fc.constantFrom('text/plain', 'a/b', 'x', '__proto__'), fc.jsonValue())
        .map((value) => Buffer.from(JSON.stringify(value))),
    )
    fc.assert(
      fc.property(anything, (bytes) => {
        const bundle = decodeBundle(bytes)
        if (bundle === null) return
        expect(Object.keys(bundle).every((name) => name.includes('/'))).toBe(true)
        expect(JSON.parse(JSON.stringify(bundle))).toEqual(bundle)
      }),
    )
  })
})

test('a bundle holds its texts, and others as JSON', () => {
  expect(bytesOfBundle({ 'text/plain': 'abc', 'application/json': [1, 2] })).toBe(3 + 5)
})
