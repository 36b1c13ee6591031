import { readFileSync } from 'node:fs'
import path from 'node:path'
import Ajv from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { openApiDocument } from '../../src/api/v1/openapi.ts'
import { PROBLEMS } from '../../src/api/v1/problems.ts'
import { readBody } from '../../src/api/v1/read-body.ts'
import { callback, inputFile, limits, run } from '../../src/api/v1/request-schema.ts'
import { projectDir } from '../../src/config.ts'

/**
 * What `/openapi.json` says of a request, and what the service takes: the same, field by field, and for whatever
 * else a caller may send.
 */
const api = openApiDocument('1') as {
  paths: Record<string, Record<string, { responses: Record<string, unknown> }>>
  components: { schemas: Record<string, { enum?: string[]; properties?: Record<string, Schema> }> }
}
interface Schema {
  readonly enum?: string[]
}
const ajv = new Ajv.default({ strict: false, formats: { 'date-time': true } })
ajv.addSchema({ $id: 'api', ...api })
const described = (name: string) => {
  const validate = ajv.getSchema(`api#/components/schemas/${name}`)
  if (!validate) throw new Error(`there is no schema ${name}`)
  return validate
}

function issuesOf(value: unknown, kind: 'run' | 'batch') {
  const read = readBody(Buffer.from(JSON.stringify(value)), kind, 'application/json')
  return 'issues' in read ? read.issues : []
}

/** For each field a value that it takes, and values that it does not, with the pointer that is named for them. */
const FIELDS: Record<string, { good: unknown[]; wrong: [unknown, string][] }> = {
  language: {
    good: ['python', 'c++'.slice(0, 1), 'a.b-c_1'],
    wrong: [1, '', '1a', 'a b', 'x'.repeat(65), null].map((v) => [v, '/language']),
  },
  template: {
    good: ['python'],
    wrong: [
      ['', '/template'],
      ['../x', '/template'],
      [[], '/template'],
    ],
  },
  code: {
    good: ['', 'print("ü\\u0000")'],
    wrong: [
      [1, '/code'],
      [null, '/code'],
      [{}, '/code'],
    ],
  },
  mode: {
    good: ['script', 'function', 'cell'],
    wrong: [
      ['Script', '/mode'],
      [null, '/mode'],
    ],
  },
  arguments: {
    good: [{}, { a: [1, null] }],
    wrong: [
      [[], '/arguments'],
      [null, '/arguments'],
    ],
  },
  argv: {
    good: [[], ['a', '']],
    wrong: [
      ['a', '/argv'],
      [['a', 1], '/argv/1'],
      [['\u0000'], '/argv/0'],
      [Array(257).fill('a'), '/argv'],
      [['x'.repeat(32 * 1024 + 1)], '/argv/0'],
    ],
  },
  stdin: {
    good: ['', null, 'x\n'],
    wrong: [
      [1, '/stdin'],
      [[], '/stdin'],
    ],
  },
  env: {
    good: [{}, { A_1: 'ü', a: '' }],
    wrong: [
      [[], '/env'],
      [{ '1': 'a' }, '/env/1'],
      [{ A: 1 }, '/env/A'],
      [{ A: '\u0000' }, '/env/A'],
    ],
  },
  files: {
    good: [[], [{ path: 'a/b', content: '' }], [{ path: 'a', content_base64: 'AA==' }]],
    wrong: [
      [{}, '/files'],
      [[{ path: '/a', content: '' }], '/files/0/path'],
      [[{ path: 'a', content: 1 }], '/files/0/content'],
      [[{ path: 'a', content_base64: [] }], '/files/0/content_base64'],
      [[{ path: 'a', content: '', mode: 7 }], '/files/0'],
      [Array.from({ length: 257 }, (_, n) => ({ path: `f${n}`, content: '' })), '/files'],
    ],
  },
  limits: {
    good: [{}, { wall_ms: 1, cpu_ms: 1, memory_mb: 1, output_bytes: 1, processes: 1 }],
    wrong: [
      [[], '/limits'],
      ...Object.keys(limits.shape).flatMap((name) =>
        [0, -1, 1.5, '1', null].map((v): [unknown, string] => [{ [name]: v }, `/limits/${name}`]),
      ),
      [{ wall: 1 }, '/limits'],
    ],
  },
  network: {
    good: ['none', 'egress'],
    wrong: [
      ['all', '/network'],
      [true, '/network'],
    ],
  },
  collect: {
    good: [[], ['*.png', 'out/**']],
    wrong: [
      ['*', '/collect'],
      [[''], '/collect/0'],
      [Array(33).fill('a'), '/collect'],
      [['x'.repeat(1025)], '/collect/0'],
    ],
  },
  callback: {
    good: [{ url: 'https://example.org/' }, { url: 'x', secret: `whsec_${'A'.repeat(32)}` }],
    wrong: [
      ['https://example.org/', '/callback'],
      [{}, '/callback/url'],
      [{ url: 1 }, '/callback/url'],
      [{ url: 'x'.repeat(2049) }, '/callback/url'],
      [{ url: 'x', secret: 'whsec_' }, '/callback/secret'],
      [{ url: 'x', method: 'GET' }, '/callback'],
    ],
  },
}

describe('each field', () => {
  test('has its cases here', () => {
    expect(Object.keys(FIELDS).sort()).toEqual(Object.keys(run.shape).sort())
    const inOrder = (shape: object) => Object.keys(shape).sort()
    expect(inOrder(limits.shape)).toEqual(inOrder(FIELDS.limits?.good[1] as object))
    expect(inOrder(callback.shape)).toEqual(['secret', 'url'])
    expect(inOrder(inputFile.shape)).toEqual(['content', 'content_base64', 'path'])
  })

  test.each(Object.entries(FIELDS))('%s takes what is described, and no more', (name, cases) => {
    const isDescribed = described('Run')
    for (const value of cases.good) {
      const body = { code: '', [name]: value }
      expect([value, issuesOf(body, 'run')]).toEqual([value, []])
      expect([value, isDescribed(body)]).toEqual([value, true])
    }
    for (const [value, pointer] of cases.wrong) {
      const body = { code: '', [name]: value }
      expect([value, issuesOf(body, 'run')[0]?.pointer]).toEqual([value, pointer])
      expect([value, isDescribed(body)]).toEqual([value, false])
    }
  })
})

/** Rules that no schema can say. The document says them in words. */
const IN_WORDS =
  /is there already|is not base64|either content or|is larger than|a member __proto__/

describe('whatever is sent', () => {
  const value = fc.oneof(
    { arbitrary: fc.jsonValue({ maxDepth: 3 }), weight: 1 },
    ...Object.values(FIELDS).map(({ good, wrong }) => ({
      arbitrary: fc.constantFrom(...good, ...wrong.map(([one]) => one)),
      weight: 1,
    })),
  )
  /** Fields with values of their own, and now and then of another. */
  const member = (name: string) => {
    const { good = [], wrong = [] } = FIELDS[name] ?? {}
    const own = fc.constantFrom(...good)
    return fc.oneof(
      { arbitrary: own, weight: 12 },
      { arbitrary: fc.constantFrom(...wrong.map(([one]) => one)), weight: 1 },
      { arbitrary: value, weight: 1 },
    )
  }
  const members = Object.fromEntries(Object.keys(FIELDS).map((name) => [name, member(name)]))
  const oneRun = fc.record(members, { requiredKeys: [] })

  const agree = (body: unknown, kind: 'run' | 'batch', schema: string) => {
    const issues = issuesOf(body, kind)
    const isTaken = issues.length === 0
    if (!isTaken && issues.every(({ detail }) => IN_WORDS.test(detail))) return
    expect([body, isTaken, issues]).toEqual([body, described(schema)(body), issues])
  }

  test('a run is taken just when the schema describes it', () => {
    fc.assert(
      fc.property(oneRun, (body) => agree(body, 'run', 'Run')),
      { numRuns: 500 },
    )
    fc.assert(
      fc.property(fc.jsonValue(), (body) => agree(body, 'run', 'Run')),
      { numRuns: 200 },
    )
  })

  test('and so is a batch', () => {
    const input = fc.record(
      { stdin: member('stdin'), argv: member('argv'), arguments: member('arguments') },
      { requiredKeys: [] },
    )
    const batch = fc.oneof(
      fc.record({ runs: fc.array(oneRun, { maxLength: 3 }) }),
      fc.record({ run: oneRun, inputs: fc.array(fc.oneof(input, value), { maxLength: 3 }) }),
      fc.record({ runs: value, run: value, inputs: value }, { requiredKeys: [] }),
    )
    fc.assert(
      fc.property(batch, (body) => agree(body, 'batch', 'Batch')),
      { numRuns: 300 },
    )
  })
})

test('docs/api.md names each problem', () => {
  const text = readFileSync(path.join(projectDir(), 'docs/api.md'), 'utf8')
  const named = [...text.matchAll(/`\/problems\/([\w-]+)`/g)].map(([, name]) => name)
  expect(named.sort()).toEqual(Object.keys(PROBLEMS).sort())
})

test('each problem has a status that the document tells of', () => {
  const told = new Set(
    Object.values(api.paths).flatMap((path) =>
      Object.values(path).flatMap(({ responses }) => Object.keys(responses ?? {})),
    ),
  )
  // The first stand in events and states alone, the last is of operations that do not exist.
  const kept = ['canceled', 'lost', 'method-not-allowed']
  for (const [name, { status }] of Object.entries(PROBLEMS)) {
    if (!kept.includes(name)) expect([name, told.has(String(status))]).toEqual([name, true])
  }
  const types = api.components.schemas.Problem?.properties?.type?.enum
  expect(types?.sort()).toEqual(
    Object.keys(PROBLEMS)
      .map((name) => `/problems/${name}`)
      .sort(),
  )
})
