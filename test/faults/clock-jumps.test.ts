import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { startService } from '../support/service.ts'
import { NO_TRACES, tracesOf, until } from '../support/traces.ts'
import { Load } from './load.ts'

const SLEEPING = 'import time\ndef main():\n  time.sleep(60)'

test('a wall clock that jumps back and forth changes nothing', async () => {
  const service = await startService({
    LD_PRELOAD: jumpingClock(),
    SANDBOX_TIMEOUT: '3s',
    EXECUTOR_MANAGER_LOG_LEVEL: 'info',
  })
  const load = new Load(service)
  // Long enough for every jump to fall into it; and its own end comes when it should.
  const answer = await service.client.run('python', SLEEPING)
  expect(answer).toMatchObject({ resource_limit_type: 'time', exit_code: -124 })
  expect(answer.time_used_ms).toBeGreaterThanOrEqual(3000)
  expect(answer.time_used_ms).toBeLessThan(60_000)
  await until(() => load.counts.right >= 10)
  await load.stop()
  expect(load.counts).toMatchObject({ wrong: 0, busy: 0, internal: 0, died: 0, closed: 0 })
  // It did jump.
  const told = [...service.output().matchAll(/"time":(\d+)/g)].map(([, time]) => Number(time))
  expect(Math.max(...told) - Math.min(...told)).toBeGreaterThan(10 * 86_400_000)
  service.kill('SIGTERM')
  expect(await service.ended()).toBe(0)
  expect(tracesOf(service.pid)).toEqual(NO_TRACES)
})

function jumpingClock(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'executor-manager-clock-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const library = path.join(folder, 'jumping-clock.so')
  const source = path.join(import.meta.dirname, 'jumping-clock.c')
  execFileSync('gcc', ['-shared', '-fPIC', '-O', '-o', library, source])
  return library
}
