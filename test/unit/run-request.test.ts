import { describe, expect, test } from 'vitest'
import { parseRunRequest, type ValidationIssue } from '../../src/api/ragflow/run-request.ts'
import { base64 } from '../support/client.ts'

const languages = new Map([
  ['python', 'python'],
  ['python3', 'python'],
  ['nodejs', 'nodejs'],
  ['js', 'nodejs'],
])

function parse(body: string | Buffer) {
  return parseRunRequest(Buffer.from(body as string), languages)
}

function accepted(body: string) {
  const parsed = parse(body)
  if ('issues' in parsed) throw new Error(JSON.stringify(parsed.issues))
  const { code, runtime, argumentsJson } = parsed.request
  return { code: code.toString(), runtime, argumentsJson: argumentsJson.toString() }
}

function issuesOf(body: string | Buffer): readonly ValidationIssue[] {
  const parsed = parse(body)
  return 'issues' in parsed ? parsed.issues : []
}

const code = base64('print("ü")')

describe('a good request', () => {
  test('needs the code alone', () => {
    expect(accepted(`{"code_b64":"${code}"}`)).toEqual({
      code: 'print("ü")',
      runtime: 'python',
      argumentsJson: '{}',
    })
  })

  test.each([
    ['python3', 'python'],
    ['nodejs', 'nodejs'],
    ['js', 'nodejs'],
  ])('may name its language %s', (language, runtime) => {
    expect(accepted(`{"code_b64":"","language":"${language}"}`).runtime).toBe(runtime)
  })

  test('keeps its arguments as they were written', () => {
    const argumentsJson = '{ "a": 1.0, "b": 12345678901234567890, "c": {"d": [1E2]} }'
    const body = `{"arguments": ${argumentsJson}, "code_b64": "${code}"}`
    expect(accepted(body).argumentsJson).toBe(argumentsJson)
  })

  test('may have no arguments or null', () => {
    expect(accepted('{"code_b64":"","arguments":null}').argumentsJson).toBe('{}')
    expect(accepted('{"code_b64":"","arguments":{}}').argumentsJson).toBe('{}')
  })

  test('may say more than is asked', () => {
    expect(accepted('{"code_b64":"","timeout":5}').code).toBe('')
  })
})

describe("a bad request gets FastAPI's shape", () => {
  test.each([
    ['', 'missing', ['body']],
    ['{', 'json_invalid', ['body', 1]],
    ['[]', 'model_attributes_type', ['body']],
    ['"text"', 'model_attributes_type', ['body']],
    ['null', 'model_attributes_type', ['body']],
    ['{}', 'missing', ['body', 'code_b64']],
    ['{"code_b64":1}', 'string_type', ['body', 'code_b64']],
    ['{"code_b64":null}', 'string_type', ['body', 'code_b64']],
    ['{"code_b64":"!"}', 'value_error', ['body', 'code_b64']],
    ['{"code_b64":"YWI"}', 'value_error', ['body', 'code_b64']],
    ['{"code_b64":"YW=i"}', 'value_error', ['body', 'code_b64']],
    ['{"code_b64":"YW_-"}', 'value_error', ['body', 'code_b64']],
    ['{"code_b64":"/w=="}', 'value_error', ['body', 'code_b64']],
    ['{"code_b64":"","language":"ruby"}', 'enum', ['body', 'language']],
    ['{"code_b64":"","language":null}', 'enum', ['body', 'language']],
    ['{"code_b64":"","language":1}', 'enum', ['body', 'language']],
    ['{"code_b64":"","language":"constructor"}', 'enum', ['body', 'language']],
    ['{"code_b64":"","arguments":[]}', 'dict_type', ['body', 'arguments']],
    ['{"code_b64":"","arguments":"{}"}', 'dict_type', ['body', 'arguments']],
    ['{"code_b64":"","arguments":1}', 'dict_type', ['body', 'arguments']],
  ])('%s', (body, type, loc) => {
    const [issue, ...more] = issuesOf(body)
    expect(more).toEqual([])
    expect(issue).toMatchObject({ type, loc, msg: expect.any(String) })
    expect(issue).toHaveProperty('input')
  })

  test('bytes that are not UTF-8', () => {
    const body = Buffer.concat([Buffer.from('{"code_b64":"'), Buffer.from([0xff])])
    expect(issuesOf(body)).toMatchObject([{ type: 'json_invalid' }])
  })

  test('a typing error is found in a text of any script', () => {
    expect(issuesOf('{"code_b64": "é中😀", "arguments" 1}')).toMatchObject([
      { type: 'json_invalid', loc: ['body', 32], ctx: { error: "Expecting ':' delimiter" } },
    ])
  })

  test('numbers that are not finite are repeated as text', () => {
    expect(issuesOf('{"code_b64":"","arguments":[NaN]}')).toMatchObject([{ input: '[NaN]' }])
    expect(accepted('{"code_b64":"","arguments":{"a":NaN}}').argumentsJson).toBe('{"a":NaN}')
  })

  test('every field that is wrong is named', () => {
    const issues = issuesOf('{"language":"x","arguments":1}')
    expect(issues.map(({ loc }) => loc[1])).toEqual(['code_b64', 'language', 'arguments'])
  })

  test('languages to choose from are told', () => {
    const [issue] = issuesOf('{"code_b64":"","language":"x"}')
    expect(issue).toEqual({
      type: 'enum',
      loc: ['body', 'language'],
      msg: "Input should be 'python' or 'nodejs'",
      input: 'x',
      ctx: { expected: "'python' or 'nodejs'" },
    })
  })

  test('a long input is repeated in part only', () => {
    const [issue] = issuesOf(`{"code_b64":"${'!'.repeat(1_000_000)}"}`)
    expect(JSON.stringify(issue).length).toBeLessThan(2000)
  })

  test('arguments named like members of every object are no members', () => {
    expect(accepted('{"code_b64":"","__proto__":{"arguments":{"a":1}}}').argumentsJson).toBe('{}')
  })
})

describe('a template', () => {
  const parsed = (body: string) => {
    const read = parse(body)
    if ('issues' in read) throw new Error(JSON.stringify(read.issues))
    return { template: read.request.template, runtime: read.request.runtime }
  }

  test('may be named, with or without a language', () => {
    expect(parsed('{"code_b64":""}')).toEqual({ template: null, runtime: 'python' })
    expect(parsed('{"code_b64":"","template":"mine"}')).toEqual({ template: 'mine', runtime: null })
    const both = '{"code_b64":"","template":"mine","language":"js"}'
    expect(parsed(both)).toEqual({ template: 'mine', runtime: 'nodejs' })
  })

  test('is a string', () => {
    const [found] = issuesOf('{"code_b64":"","template":1}')
    expect(found).toMatchObject({ type: 'string_type', loc: ['body', 'template'] })
  })
})
