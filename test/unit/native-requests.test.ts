import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { admit } from '../../src/api/v1/admit.ts'
import { Problem } from '../../src/api/v1/problems.ts'
import { readBody } from '../../src/api/v1/read-body.ts'
import { MAX_BATCH, MAX_FILES } from '../../src/api/v1/request-schema.ts'
import { isPlainPath } from '../../src/lib/plain-path.ts'
import type { RunMode } from '../../src/run/types.ts'
import { LIMITS } from '../support/limits.ts'

const JSON_TYPE = 'application/json'
const readText = (text: string | Buffer, kind: 'run' | 'batch' = 'run') =>
  readBody(Buffer.from(text), kind, JSON_TYPE)
const read = (value: unknown, kind: 'run' | 'batch' = 'run') =>
  readText(JSON.stringify(value), kind)
const inputsOf = (value: unknown, kind: 'run' | 'batch' = 'run') => {
  const result = read(value, kind)
  if ('issues' in result) throw new Error(JSON.stringify(result.issues))
  return result.value
}
const issuesOf = (value: unknown, kind: 'run' | 'batch' = 'run') => {
  const result = read(value, kind)
  return 'issues' in result ? result.issues : []
}

describe('a run in JSON', () => {
  test('needs the code alone; everything else has a default', () => {
    const [input] = inputsOf({ code: 'print(1)' })
    expect(input).toMatchObject({
      fields: { mode: 'script', argv: [], env: {}, limits: {} },
      stdin: null,
      files: [],
      at: '',
    })
    expect(input?.code.toString()).toBe('print(1)')
    expect(input?.argumentsJson.toString()).toBe('{}')
  })

  test('gives back what was put in, whatever it is', () => {
    const text = fc.string({ unit: 'binary' }).map((value) => Buffer.from(value).toString())
    const path = fc.stringMatching(/^[a-z][a-z0-9_]{0,8}(\/[a-z][a-z0-9_]{0,8}){0,2}$/)
    const file = fc.oneof(
      fc.record({ path, content: text }),
      fc.record({
        path,
        content_base64: fc.uint8Array().map((b) => Buffer.from(b).toString('base64')),
      }),
    )
    const cString = text.map((value) => value.replaceAll('\u0000', ''))
    const run = fc.record(
      {
        code: text,
        language: fc.constantFrom('python', 'nodejs'),
        mode: fc.constantFrom('script', 'function', 'cell'),
        arguments: fc.dictionary(fc.string(), fc.jsonValue()),
        argv: fc.array(cString, { maxLength: 5 }),
        stdin: fc.option(text),
        env: fc.dictionary(fc.stringMatching(/^[A-Z_][A-Z0-9_]{0,9}$/), cString, { maxKeys: 5 }),
        files: fc.uniqueArray(file, { maxLength: 4, selector: (one) => one.path.split('/')[0] }),
        limits: fc.record({ wall_ms: fc.integer({ min: 1 }), memory_mb: fc.integer({ min: 1 }) }),
        network: fc.constantFrom('none', 'egress'),
        collect: fc.array(fc.constantFrom('*.png', 'out/**'), { maxLength: 3 }),
      },
      { requiredKeys: ['code'] },
    )
    fc.assert(
      fc.property(run, fc.constantFrom(undefined, 2), (value, indent) => {
        const result = readText(JSON.stringify(value, null, indent))
        if ('issues' in result) throw new Error(JSON.stringify(result.issues))
        const [input] = result.value
        expect(input?.code.toString()).toBe(value.code)
        expect(JSON.parse(input?.argumentsJson.toString() ?? '')).toEqual(
          JSON.parse(JSON.stringify(value.arguments ?? {})),
        )
        expect(input?.stdin?.toString() ?? null).toBe(value.stdin ?? null)
        expect(input?.fields.argv).toEqual(value.argv ?? [])
        expect(input?.fields.env).toEqual(value.env ?? {})
        expect(input?.fields.mode).toBe(value.mode ?? 'script')
        expect(input?.fields.limits).toEqual(value.limits ?? {})
        const contents = (value.files ?? []).map((one) =>
          'content' in one ? Buffer.from(one.content) : Buffer.from(one.content_base64, 'base64'),
        )
        expect(input?.files.map(({ content }) => content)).toEqual(contents)
      }),
      { numRuns: 100 },
    )
  })

  test('a mode that the template does not have is refused', () => {
    const result = readText('{"code":"","language":"x","mode":"cell"}')
    const input = 'value' in result ? result.value[0] : undefined
    if (!input) throw new Error('it is valid')
    const template = { name: 'x', languages: ['x'], limits: LIMITS, network: 'none' as const }
    const admitTo = (modes: RunMode[]) => admit(input, [{ ...template, modes }], 'me', 'id')
    expect(admitTo(['cell']).program.mode).toBe('cell')
    expect(() => admitTo(['script'])).toThrow(Problem)
    expect(() => admitTo(['script'])).toThrow('mode: no cells are run with x.')
  })

  test('no number of the arguments loses a digit', () => {
    const result = readText('{"code":"","arguments":{"a":1.0,"b":12345678901234567890}}')
    if ('issues' in result) throw new Error('it is valid')
    expect(result.value[0]?.argumentsJson.toString()).toBe('{"a":1.0,"b":12345678901234567890}')
  })

  test('any bytes are read, or refused with a pointer and words', () => {
    const anything = fc.oneof(
      fc.uint8Array().map((bytes) => Buffer.from(bytes)),
      fc.json().map((text) => Buffer.from(text)),
      fc
        .dictionary(
          fc.constantFrom('code', 'files', 'env', 'limits', 'argv', 'x', '__proto__'),
          fc.jsonValue(),
        )
        .map((value) => Buffer.from(JSON.stringify(value))),
    )
    fc.assert(
      fc.property(anything, fc.constantFrom('run' as const, 'batch' as const), (bytes, kind) => {
        const result = readText(bytes, kind)
        if (!('issues' in result)) return
        expect(result.issues.length).toBeGreaterThan(0)
        for (const { pointer, detail } of result.issues) {
          expect(pointer).toMatch(/^(\/|$)/)
          expect(detail).not.toBe('')
        }
      }),
      { numRuns: 200 },
    )
  })

  test.each([
    ['no object', [], '', 'must be an object'],
    ['no code', {}, '/code', 'expected string'],
    ['code of a wrong type', { code: 5 }, '/code', 'expected string'],
    ['an unknown field', { code: '', codes: 1 }, '', 'unknown field "codes"'],
    ['an unknown limit', { code: '', limits: { wall: 1 } }, '/limits', 'unknown field "wall"'],
    [
      'a limit that is no number',
      { code: '', limits: { wall_ms: '1' } },
      '/limits/wall_ms',
      'number',
    ],
    ['a limit of nothing', { code: '', limits: { memory_mb: 0 } }, '/limits/memory_mb', '>0'],
    ['a mode that is none', { code: '', mode: 'main' }, '/mode', 'script'],
    ['arguments in a list', { code: '', arguments: [] }, '/arguments', 'expected record'],
    ['argv of numbers', { code: '', argv: [1] }, '/argv/0', 'expected string'],
    ['a zero byte in argv', { code: '', argv: ['a\0'] }, '/argv/0', 'zero byte'],
    ['a name of the environment', { code: '', env: { 'A=B': '' } }, '/env/A=B', 'letters'],
    ['stdin of a wrong type', { code: '', stdin: {} }, '/stdin', 'expected string'],
    [
      'a file without a path',
      { code: '', files: [{ content: '' }] },
      '/files/0/path',
      'expected string',
    ],
    ['a file without content', { code: '', files: [{ path: 'a' }] }, '/files/0', 'either'],
    [
      'a file with two contents',
      { code: '', files: [{ path: 'a', content: '', content_base64: '' }] },
      '/files/0',
      'either',
    ],
    [
      'a file that is not base64',
      { code: '', files: [{ path: 'a', content_base64: '%%' }] },
      '/files/0/content_base64',
      'base64',
    ],
    [
      'an unknown member of a file',
      { code: '', files: [{ path: 'a', content: '', mode: 7 }] },
      '/files/0',
      'unknown field "mode"',
    ],
    ['a file that is none', { code: '', files: ['a'] }, '/files/0', 'expected object'],
    [
      'two files of one path',
      {
        code: '',
        files: [
          { path: 'a', content: '' },
          { path: 'a', content: '' },
        ],
      },
      '/files/1/path',
      'there already',
    ],
    [
      'a file in a file',
      {
        code: '',
        files: [
          { path: 'a', content: '' },
          { path: 'a/b', content: '' },
        ],
      },
      '/files/1/path',
      'there already',
    ],
    [
      'too many files',
      {
        code: '',
        files: Array.from({ length: MAX_FILES + 1 }, (_, i) => ({ path: `f${i}`, content: '' })),
      },
      '/files',
      'more than',
    ],
    ['too large a member', { code: '', env: { A: 'x'.repeat(200_000) } }, '/env', 'larger than'],
    ['a network that is none', { code: '', network: 'all' }, '/network', 'none'],
    ['globs that are none', { code: '', collect: '*.png' }, '/collect', 'expected array'],
  ])('%s is refused', (_what, value, pointer, words) => {
    const [first] = issuesOf(value)
    expect(first?.pointer).toBe(pointer)
    expect(first?.detail).toContain(words)
  })

  test.each(['/etc/passwd', '../a', 'a/../b', '.hidden', 'a/.b', 'a//b', 'a/', '', 'a\\b', 'a\nb'])(
    'the path %j is refused',
    (path) => {
      expect(isPlainPath(path)).toBe(false)
      expect(issuesOf({ code: '', files: [{ path, content: '' }] })[0]?.pointer).toBe(
        '/files/0/path',
      )
    },
  )

  test.each(['a', 'a.b', 'data/input.csv', 'with space', 'ä/ö.txt', 'a-b_c(1).tar.gz'])(
    'the path %j is taken',
    (path) => {
      expect(inputsOf({ code: '', files: [{ path, content: 'x' }] })[0]?.files[0]?.path).toBe(path)
    },
  )

  test.each([
    ['JSON', '{"code":', 'JSON'],
    ['UTF-8', Buffer.from('{"code":"\xff"}', 'latin1'), 'UTF-8'],
  ])('a body that is no %s is refused', (_what, body, words) => {
    const result = readText(body)
    expect('issues' in result && result.issues[0]?.detail).toContain(words)
  })
})

describe('a batch', () => {
  test('is a list of runs', () => {
    const inputs = inputsOf({ runs: [{ code: 'a' }, { code: 'b', stdin: 'x' }] }, 'batch')
    expect(inputs.map(({ code, at }) => [code.toString(), at])).toEqual([
      ['a', '/runs/0'],
      ['b', '/runs/1'],
    ])
  })

  test('or one run with many inputs, which go before what it has', () => {
    const run = { code: 'a', argv: ['r'], stdin: 'r', arguments: { r: 1 } }
    const inputs = inputsOf(
      { run, inputs: [{}, { stdin: 'i' }, { argv: ['i'], arguments: {} }] },
      'batch',
    )
    expect(
      inputs.map((one) => [one.fields.argv, one.stdin?.toString(), one.argumentsJson.toString()]),
    ).toEqual([
      [['r'], 'r', '{"r":1}'],
      [['r'], 'i', '{"r":1}'],
      [['i'], 'r', '{}'],
    ])
  })

  test.each([
    ['neither', {}, ''],
    ['both', { runs: [{ code: '' }], run: { code: '' }, inputs: [{}] }, ''],
    ['no runs', { runs: [] }, ''],
    ['too many runs', { runs: Array.from({ length: MAX_BATCH + 1 }, () => ({ code: '' })) }, ''],
    ['a run that is not valid', { runs: [{ code: '' }, { code: 1 }] }, '/runs/1/code'],
    [
      'an input that is not valid',
      { run: { code: '' }, inputs: [{ stdin: 1 }] },
      '/inputs/0/stdin',
    ],
    ['an input with code', { run: { code: '' }, inputs: [{ code: '' }] }, '/inputs/0'],
    ['an unknown field', { runs: [{ code: '' }], parallel: 3 }, ''],
  ])('%s is refused', (_what, value, pointer) => {
    expect(issuesOf(value, 'batch')[0]?.pointer).toBe(pointer)
  })
})
