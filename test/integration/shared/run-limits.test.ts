import { describe, expect, test } from 'vitest'
import { MIB } from '../../../src/lib/units.ts'
import type { RunLimits } from '../../../src/run/types.ts'
import { requestWith } from '../../support/run-request.ts'
import { useShared } from '../../support/shared-manager.ts'

/** The template allows more than any program here needs, so that what ends a run is its own limit. */
const { runs } = useShared()
const { signal } = new AbortController()

function run(code: string, limits: Partial<RunLimits>) {
  return runs.start(requestWith({ limits, program: { code: Buffer.from(code) } }), { signal })
}

test('wall time', async () => {
  const outcome = await run('def main():\n  while True: pass', { wallTimeMs: 300 })
  expect(outcome.end).toBe('time')
  // Far below the template's.
  expect(outcome.usage.wallMs).toBeLessThan(20_000)
})

test('memory', async () => {
  const code = 'def main(): return len(bytearray(b"x") * (100 << 20))'
  expect(await run(code, { memoryBytes: 32 * MIB })).toMatchObject({ end: 'memory' })
  expect(await run(code, {})).toMatchObject({ end: 'exit', resultJson: `${100 * MIB}` })
})

test('processor time', async () => {
  const code = `
import time
def main():
  until = time.monotonic() + 2
  while time.monotonic() < until: pass
  return None`
  const { usage } = await run(code, { cpus: 0.1 })
  // A fifth of a second in two, and what the sandbox takes; the whole would be 2 s.
  expect(usage.cpuMs).toBeLessThan(usage.wallMs * 0.5)
})

test('processes and threads', async () => {
  const code = `
import subprocess, threading, time
def main(count):
  threads = []
  try:
    while len(threads) < count:
      threads.append(threading.Thread(target=time.sleep, args=(30,), daemon=True))
      threads[-1].start()
  except RuntimeError:
    threads.pop()
  try:
    subprocess.run(["true"])
    return [len(threads), "started"]
  except BlockingIOError:
    return [len(threads), "refused"]`
  const program = { code: Buffer.from(code), argumentsJson: Buffer.from('{"count":12}') }
  const started = async (limits: Partial<RunLimits>) =>
    JSON.parse((await runs.start(requestWith({ limits, program }), { signal })).resultJson ?? '')
  // Supervisor and runner are two of them.
  expect(await started({ processes: 8 })).toEqual([6, 'refused'])
  expect(await started({})).toEqual([12, 'started'])
})

describe('output', () => {
  test('of a stream', async () => {
    const outcome = await run('def main(): print("x" * 100)', { outputBytes: 50 })
    expect(outcome).toMatchObject({
      end: 'output',
      flooded: 'stdout',
      detail: 'stdout may have 50 bytes; what came beyond that is lost.',
    })
    expect(outcome.stdout.length).toBe(50)
  })

  test('of the result', async () => {
    const outcome = await run('def main(): return "x" * 100', { resultBytes: 50 })
    expect(outcome).toMatchObject({ end: 'output', flooded: 'result' })
  })
})

test('files', async () => {
  const code = `
def main():
  for name, size in {"a": 10, "b": 200, "c": 10, "d": 10}.items():
    open(name, "w").write("x" * size)`
  const outcome = await run(code, { artifacts: 2, artifactBytes: 100 })
  expect(outcome.files.map(({ path }) => path)).toEqual(['a', 'c'])
  expect(outcome.filesLeftOut).toEqual([
    { path: 'b', size: 200, reason: 'size' },
    { path: 'd', size: 0, reason: 'number' },
  ])
})

test('more than the template allows is refused', async () => {
  await expect(run('', { memoryBytes: 257 * MIB })).rejects.toMatchObject({
    code: 'REQUEST_INVALID',
    field: 'limits.memoryBytes',
  })
})
