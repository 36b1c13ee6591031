import { describe, expect, test } from 'vitest'
import { ApiKeys } from '../../src/api/api-keys.ts'

const KEY = 'k'.repeat(16)

function parsed(text: string): ApiKeys {
  const keys = ApiKeys.parse(text)
  if (!(keys instanceof ApiKeys)) throw new Error(keys.wrong)
  return keys
}

describe('identify', () => {
  test('tells whose key it is, and nothing of any other', () => {
    const keys = parsed(`ragflow:${KEY}, guest-2:${KEY}:with:colons`)
    expect(keys.identify(KEY)).toBe('ragflow')
    expect(keys.identify(`${KEY}:with:colons`)).toBe('guest-2')
    expect(keys.identify(`${KEY}x`)).toBeNull()
    expect(keys.identify('')).toBeNull()
  })

  test('keeps no key in memory that could be read', () => {
    expect(JSON.stringify(parsed(`a:${KEY}`))).not.toContain(KEY)
  })
})

describe('parse', () => {
  test('nothing means no keys', () => {
    expect(parsed('').count).toBe(0)
    expect(parsed(' , ').count).toBe(0)
  })

  test.each([
    [KEY, 'entry 1 is not name:key'],
    [`a b:${KEY}`, 'entry 1 is not name:key'],
    [`a:${KEY},b:short-secret`, 'the key in entry 2 is too short'],
    [`a:${KEY},a:${KEY}2`, 'entry 2 repeats the name a'],
  ])('%s is refused without showing a key', (text, wrong) => {
    expect(ApiKeys.parse(text)).toEqual({ wrong })
  })
})
