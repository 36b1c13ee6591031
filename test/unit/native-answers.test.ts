import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ApiKeys } from '../../src/api/api-keys.ts'
import { STATUSES } from '../../src/api/v1/answer-schema.ts'
import { MIB } from '../../src/lib/units.ts'
import type { RunOutcome } from '../../src/run/types.ts'
import { FakeRuns, openDoors, outcomeWith, useDoors } from '../support/door.ts'
import { NativeClient } from '../support/native-client.ts'

/** The native API over runs that never happen: what comes out. */
const runs = new FakeRuns()
const client = new NativeClient()
useDoors(runs, {}, client)

const RUN = { language: 'python3', code: 'print(1)' }

describe('what comes out', () => {
  const ends: [Partial<RunOutcome>, object][] = [
    [{}, { status: 'succeeded', exit_code: 0, signal: null }],
    [
      { exitCode: 3 },
      { status: 'failed', exit_code: 3, detail: 'The program ended with exit code 3.' },
    ],
    [
      { exitCode: 1, error: { name: 'ValueError', message: 'no', traceback: 'T', line: 2 } },
      { status: 'failed', error: { name: 'ValueError', message: 'no', traceback: 'T', line: 2 } },
    ],
    [{ exitCode: 1, denied: 'network' }, { status: 'failed' }],
    [{ exitCode: 1, denied: 'file' }, { status: 'failed' }],
    [{ exitCode: 1, denied: 'syscall' }, { status: 'failed' }],
    [
      { end: 'signal', exitCode: null, signal: 11 },
      { status: 'failed', signal: 'SIGSEGV', exit_code: null },
    ],
    [{ end: 'signal', exitCode: null, signal: 40 }, { signal: 'SIG40' }],
    [{ end: 'time', exitCode: null }, { status: 'timed_out' }],
    [{ end: 'memory', exitCode: null }, { status: 'out_of_memory' }],
    [
      { end: 'output', exitCode: null, flooded: 'stderr' },
      { status: 'output_limit', stdout_truncated: false, stderr_truncated: true },
    ],
    [{ end: 'output', exitCode: null, flooded: 'stdout' }, { stdout_truncated: true }],
    [{ end: 'output', exitCode: null, flooded: 'result' }, { stdout_truncated: false }],
    [{ end: 'refused', exitCode: null, detail: 'eval' }, { status: 'refused' }],
    [
      { end: 'interfered', exitCode: null, detail: 'It spoke.' },
      { status: 'failed', detail: 'It spoke.' },
    ],
    [
      { end: 'result', detail: 'No JSON.' },
      { status: 'failed', exit_code: 0, detail: 'No JSON.' },
    ],
  ]
  test('the ends above have every status that an outcome can have', () => {
    const told = ends.flatMap(([, expected]) => ('status' in expected ? [expected.status] : []))
    // These are of accepted runs that have no outcome: native-async.test.ts.
    expect([...new Set([...told, 'canceled', 'lost'])].sort()).toEqual([...STATUSES].sort())
  })

  test.each(ends)('%j is told as %j', async (outcome, expected) => {
    runs.end = async () => outcomeWith(outcome)
    const { status, body } = await client.run(RUN)
    expect(status).toBe(200)
    expect(body).toMatchObject(expected)
    expect(body.detail).toMatch(/\S.*/)
  })

  test('all that a run left', async () => {
    runs.end = async () =>
      outcomeWith({
        stdout: Buffer.from('out\xff', 'latin1'),
        stderr: Buffer.from('err'),
        resultJson: '{"a":1.0,\n"b":12345678901234567890}',
        displays: [{ 'text/plain': '1' }],
        files: [{ path: 'a/b.png', content: Buffer.from('png') }],
        filesLeftOut: [{ path: 'c', size: 5, reason: 'size' }],
      })
    const { body, text, headers } = await client.run(RUN)
    expect(body).toMatchObject({
      stdout: 'out\ufffd',
      stderr: 'err',
      displays: [{ 'text/plain': '1' }],
      files: [{ path: 'a/b.png', size: 3, media_type: 'image/png', content_base64: 'cG5n' }],
      files_left_out: [{ path: 'c', size: 5, reason: 'size' }],
      usage: { wall_ms: 2.5, cpu_ms: 1, peak_memory_bytes: MIB },
      timings: { queue_ms: 1, execute_ms: 2, collect_ms: 3 },
    })
    expect(text).toContain('"a":1.0, "b":12345678901234567890')
    expect(headers.get('server-timing')).toMatch(/^queue;dur=[\d.]+, execute;dur=[\d.]+/)
  })

  test('files of many megabytes', async () => {
    const content = Buffer.alloc(5 * MIB, 'abc')
    runs.end = async () => outcomeWith({ files: [{ path: 'a', content }] })
    const { body } = await client.run(RUN)
    expect(Buffer.from(body.files[0].content_base64, 'base64').equals(content)).toBe(true)
  })

  test('what there is to know', async () => {
    const { body } = await client.fetch('/v1/templates')
    expect(body.templates).toEqual([
      {
        name: 'python',
        languages: ['python', 'python3'],
        version: '3.11.2',
        modes: ['script', 'function', 'cell'],
        libraries: [{ name: 'python3-numpy', version: '1.24.2' }],
        preloaded: [],
        network: 'none',
        limits: {
          wall_ms: 10_000,
          cpu_ms: 10_000,
          memory_mb: 256,
          output_bytes: MIB,
          processes: 64,
        },
      },
    ])
    expect((await client.fetch('/v1/status')).body).toMatchObject({ status: 'ok', queued: 0 })
  })

  test('the page loads nothing from elsewhere and runs nothing of its own', async () => {
    const { text, headers } = await client.fetch('/docs')
    expect(headers.get('content-security-policy')).toContain("default-src 'none'")
    const sources = [...text.matchAll(/(?:src|href)="([^"]+)"/g)].map(
      ([, source]) => source as string,
    )
    expect(sources.length).toBeGreaterThan(2)
    for (const source of sources) {
      expect(source).toMatch(/^\//)
      expect((await client.fetch(source)).status).toBe(200)
    }
    expect(text).not.toMatch(/<script>|<style| style=| on\w+=/)
  })
})

describe('with keys and a rate', () => {
  let guarded: Awaited<ReturnType<typeof openDoors>>
  const caller = new NativeClient()
  const headers = { authorization: 'Bearer 0123456789abcdef' }
  beforeAll(async () => {
    const keys = ApiKeys.parse('one:0123456789abcdef')
    if (!(keys instanceof ApiKeys)) throw new Error(keys.wrong)
    guarded = await openDoors(runs, { keys, rateLimit: { runs: 5, windowMs: 3_600_000 } })
    caller.url = guarded.url
  })
  afterAll(() => guarded.close())

  test('a key is needed, but not to read how it is used', async () => {
    for (const path of ['/v1/templates', '/v1/status', '/v1/nothing']) {
      const { status, headers: answered } = await caller.fetch(path)
      expect([path, status, answered.get('www-authenticate')]).toEqual([path, 401, 'Bearer'])
    }
    expect((await caller.run(RUN)).status).toBe(401)
    for (const path of ['/docs', '/openapi.json', '/problems/internal']) {
      expect((await caller.fetch(path)).status).toBe(200)
    }
  })

  test('a caller is told its rate, and a batch counts as its runs', async () => {
    const first = await caller.run(RUN, { headers })
    expect(first.status).toBe(200)
    expect(runs.requests[0]?.caller).toBe('one')
    expect(first.headers.get('ratelimit-policy')).toBe('"runs";q=5')
    expect(first.headers.get('ratelimit')).toMatch(/^"runs";r=4;t=\d+$/)
    const stream = { ...headers, accept: 'text/event-stream' }
    const second = await caller.run(RUN, { headers: stream })
    expect(second.headers.get('ratelimit')).toMatch(/^"runs";r=3;t=\d+$/)
    const batch = (count: number) =>
      caller.post('/v1/batches', { runs: Array.from({ length: count }, () => RUN) }, { headers })
    expect((await batch(2)).status).toBe(200)
    const refused = await batch(2)
    expect(refused.status).toBe(429)
    expect(refused.body.type).toBe('/problems/rate-limited')
    const again = await caller.run(RUN, { headers })
    expect(again.status).toBe(429)
    expect(again.headers.get('ratelimit')).toMatch(/^"runs";r=0;/)
    expect(Number(again.headers.get('retry-after'))).toBeGreaterThan(0)
  })
})
