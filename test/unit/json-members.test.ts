import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { jsonMembers } from '../../src/lib/json-members.ts'

const jsonMember = (json: string, key: string) =>
  jsonMembers(Buffer.from(json), [key]).get(key)?.toString() ?? null

/** A function from which JSON text of any spacing is made. */
const print = fc.constantFrom<(value: unknown) => string>(
  (value) => JSON.stringify(value),
  (value) => JSON.stringify(value, null, 2),
  (value) => `\r\n\t ${JSON.stringify(value, null, '\t')} \n`,
)

describe('jsonMembers', () => {
  test('finds what JSON.parse finds, in any object and any spacing', () => {
    const objects = fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue())
    fc.assert(
      fc.property(objects, fc.string(), print, (object, other, toText) => {
        const text = toText(object)
        const parsed = JSON.parse(text) as Record<string, unknown>
        for (const key of Object.keys(parsed)) {
          expect(JSON.parse(jsonMember(text, key) as string)).toEqual(parsed[key])
        }
        if (!Object.hasOwn(parsed, other)) expect(jsonMember(text, other)).toBeNull()
      }),
    )
  }, 60_000)

  test.each([
    '1.0',
    '12345678901234567890',
    '1E+2',
    '-0',
    '0.10',
    '"\\u00e9 \\"quoted\\" \\\\"',
    '{ "a" : [ 1.0 , "}" ] }',
    '[]',
    '""',
    'null',
  ])('keeps %s as it was written', (text) => {
    expect(jsonMember(`{"k":${text}}`, 'k')).toBe(text)
    expect(jsonMember(`{"j": "{", "k" : ${text} , "l":[1]}`, 'k')).toBe(text)
  })

  test('the last one counts when a key is there twice', () => {
    expect(jsonMember('{"k":1,"k":2.0}', 'k')).toBe('2.0')
  })

  test('a key may be written with escapes', () => {
    expect(jsonMember('{"\\u006b":1}', 'k')).toBe('1')
  })

  test('a member of a member is not taken', () => {
    expect(jsonMember('{"a":{"k":1},"b":["k",2]}', 'k')).toBeNull()
    expect(jsonMember('{}', 'k')).toBeNull()
  })

  test('several at once', () => {
    const json = Buffer.from('{"a":1,"__proto__":2,"b":3,"c":4}')
    const found = jsonMembers(json, ['c', 'a', '__proto__', 'd'])
    expect([...found].map(([key, value]) => [key, value.toString()])).toEqual([
      ['a', '1'],
      ['__proto__', '2'],
      ['c', '4'],
    ])
  })
})
