import { describe, expect, test } from 'vitest'
import type { RunEvent } from '../../../src/run/types.ts'
import { scaledWallTimeMs } from '../../support/manager.ts'
import { requestWith } from '../../support/run-request.ts'
import { useShared } from '../../support/shared-manager.ts'

const { runs } = useShared()

const PROGRAMS: Record<string, string> = {
  python: 'import sys\nprint("out")\nprint("err", file=sys.stderr)\ndef main(): return 1',
  nodejs: 'console.log("out"); console.error("err"); function main() { return 1 }',
  bash: 'echo out; echo err >&2',
}
const ENDLESS: Record<string, string> = {
  python: 'def main():\n  print("on")\n  while True: pass',
  nodejs: 'function main() { console.log("on"); for (;;); }',
  bash: 'echo on; while :; do :; done',
}

const request = (template: string, code: string | undefined) =>
  requestWith({ template, program: { code: Buffer.from(code ?? '') } })

/** What was told of a stream, in all. */
function textOf(events: readonly RunEvent[], stream: 'stdout' | 'stderr'): string {
  const bytes = events.flatMap((event) => (event.type === stream ? [event.bytes] : []))
  return Buffer.concat(bytes).toString()
}

describe.each(Object.keys(PROGRAMS))('%s', (template) => {
  test('its start and its output are told, and are in the outcome', async () => {
    const events: RunEvent[] = []
    const { signal } = new AbortController()
    const outcome = await runs.start(request(template, PROGRAMS[template]), {
      signal,
      onEvent: (event) => events.push(event),
    })
    expect(outcome).toMatchObject({ end: 'exit', exitCode: 0 })
    expect(events[0]).toMatchObject({ type: 'started', queueMs: expect.any(Number) })
    for (const stream of ['stdout', 'stderr'] as const) {
      expect(textOf(events, stream)).toBe(`${stream.slice(3)}\n`)
      expect(outcome[stream].toString()).toBe(`${stream.slice(3)}\n`)
    }
  })

  test('output is told while the program goes on', async () => {
    const caller = new AbortController()
    const run = runs.start(request(template, ENDLESS[template]), {
      signal: caller.signal,
      // Told at the end only, the run would end at its time limit.
      onEvent: ({ type }) => type === 'stdout' && caller.abort(),
    })
    await expect(run).rejects.toMatchObject({ code: 'RUN_CANCELLED' })
  })
})

test('no more output is told than its limit', async () => {
  const events: RunEvent[] = []
  const code = 'def main():\n  while True: print("x" * 1000)'
  const outcome = await runs.start(request('python', code), {
    signal: new AbortController().signal,
    onEvent: (event) => events.push(event),
  })
  expect(outcome).toMatchObject({ end: 'output', flooded: 'stdout' })
  expect(textOf(events, 'stdout')).toBe(outcome.stdout.toString())
  expect(outcome.stdout.length).toBeLessThanOrEqual(1024 ** 2)
})

test('output and files of a run that does not end are in its outcome', async () => {
  const code = `
import time
def main():
  print("before")
  open("a.csv", "w").write("x")
  time.sleep(600)`
  const { signal } = new AbortController()
  const limits = { wallTimeMs: scaledWallTimeMs(3000) }
  const outcome = await runs.start({ ...request('python', code), limits }, { signal })
  expect(outcome).toMatchObject({
    end: 'time',
    exitCode: null,
    files: [{ path: 'a.csv', content: Buffer.from('x') }],
  })
  expect(outcome.stdout.toString()).toBe('before\n')
})
