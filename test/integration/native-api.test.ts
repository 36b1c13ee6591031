import { describe, expect, test } from 'vitest'
import { useManager } from '../support/manager.ts'
import { NativeClient } from '../support/native-client.ts'

/** The native API on the real service. */
const manager = useManager()
const client = new NativeClient()
const at = () => {
  client.url = manager.url
  return client
}
const python = (code: string, more: object = {}) => at().run({ language: 'python', code, ...more })

/** Executors that have a run. */
async function leased(): Promise<number> {
  const { body } = await at().fetch('/v1/status')
  const counts: { state: string; count: number }[] = body.executors
  return counts.reduce((sum, { state, count }) => sum + (state === 'leased' ? count : 0), 0)
}

describe('a function', () => {
  test.each([
    ['python', 'def main(a, b): return a + b'],
    ['nodejs', 'function main({ a, b }) { return a + b }'],
  ])('%s: gets its arguments, and gives a result', async (language, code) => {
    const run = { language, code, mode: 'function', arguments: { a: 1, b: 2 } }
    const { status, body } = await at().run(run)
    expect([status, body.status, body.result]).toEqual([200, 'succeeded', 3])
    expect(body.usage.peak_memory_bytes).toBeGreaterThan(0)
  })

  test('that fails says how', async () => {
    const { status, body } = await python('def main():\n    raise ValueError("no")', {
      mode: 'function',
    })
    expect([status, body.status, body.exit_code]).toEqual([200, 'failed', 1])
    expect(body.error).toMatchObject({ name: 'ValueError' })
    expect(body.stderr).toContain('ValueError: no')
  })

  test('with a limit of its own', async () => {
    const code = 'def main():\n    while True: pass'
    const { body } = await python(code, { mode: 'function', limits: { wall_ms: 300 } })
    expect(body.status).toBe('timed_out')
    expect(body.detail).toContain('time limit')
  })
})

describe('a stream', () => {
  test('tells output while the program runs', async () => {
    const code = 'import time\ndef main():\n    print("first", flush=True)\n    time.sleep(60)'
    const caller = new AbortController()
    const body = { language: 'python', code, mode: 'function' }
    let text = ''
    const reading = (async () => {
      for await (const { event, data } of at().events('/v1/runs', body, {
        signal: caller.signal,
      })) {
        if (event !== 'stdout') continue
        text += data.text
        // It has not ended: its output is there before. Hanging up cancels it.
        caller.abort()
      }
    })()
    await expect(reading).rejects.toThrow()
    expect(text).toBe('first\n')
    await expect.poll(leased, { timeout: 20_000 }).toBe(0)
  })
})

test('what there is to know', async () => {
  const { body } = await at().fetch('/v1/templates')
  const names = body.templates.map(({ name }: { name: string }) => name)
  expect(names.sort()).toEqual(['bash', 'nodejs', 'python'])
  for (const { version, libraries } of body.templates) {
    expect(version).toMatch(/^\d+\./)
    expect(libraries.length).toBeGreaterThan(0)
  }
  const { body: status } = await at().fetch('/v1/status')
  expect(status.executors).toContainEqual({
    pool: 'python',
    state: 'ready',
    count: expect.any(Number),
  })
})
