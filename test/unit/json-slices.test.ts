import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { jsonElements, jsonEntries } from '../../src/lib/json-members.ts'
import { jsonStringBytes } from '../../src/lib/json-string.ts'
import { textSlices } from '../../src/lib/text-slices.ts'

describe('what request bodies are read with', () => {
  test('jsonEntries and jsonElements find what JSON.parse finds', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue()),
        fc.array(fc.jsonValue()),
        (object, list) => {
          const entries = [...jsonEntries(Buffer.from(JSON.stringify(object, null, 1)))]
          const found = entries.map(([key, value]) => [
            JSON.parse(`${key}`),
            JSON.parse(`${value}`),
          ])
          expect(found).toEqual(Object.entries(JSON.parse(JSON.stringify(object))))
          const elements = [...jsonElements(Buffer.from(JSON.stringify(list, null, 1)))]
          expect(elements.map((one) => JSON.parse(`${one}`))).toEqual(
            JSON.parse(JSON.stringify(list)),
          )
        },
      ),
    )
  })

  test('jsonStringBytes makes what JSON.parse makes', () => {
    const escaped = (text: string) =>
      `"${[...text].map((c) => [...Array(c.length)].map((_, i) => `\\u${c.charCodeAt(i).toString(16).padStart(4, '0')}`).join('')).join('')}"`
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        for (const json of [JSON.stringify(text), escaped(text)]) {
          const expected = Buffer.from(JSON.parse(json) as string)
          expect(jsonStringBytes(Buffer.from(json))).toEqual(expected)
        }
      }),
    )
    expect(jsonStringBytes(Buffer.from('"\\/\\b\\f\\n\\r\\t\\"\\\\"')).toString()).toBe(
      '/\b\f\n\r\t"\\',
    )
    expect(jsonStringBytes(Buffer.from('"a\\ud800\\u0041"')).toString()).toBe('a\ufffdA')
  })

  test('textSlices breaks no character', () => {
    const text = '🙂'.repeat(300_000)
    const slices = [...textSlices(`x${text}`)]
    expect(slices.length).toBeGreaterThan(2)
    expect(slices.map((slice) => Buffer.from(slice).toString()).join('')).toBe(`x${text}`)
  })
})
