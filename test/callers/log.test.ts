import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { projectDir } from '../../src/config.ts'
import { Client } from '../support/client.ts'
import { freePort } from '../support/service.ts'
import { until } from './raw.ts'

test('a log that nobody reads stops nothing, and goes on when it is read', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'executor-manager-log-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const fifo = path.join(folder, 'log')
  expect(spawnSync('mkfifo', [fifo]).status).toBe(0)
  const reader = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK)
  onTestFinished(() => closeSync(reader))
  fill(fifo)

  const port = String(await freePort())
  const log = openSync(fifo, 'w')
  const service = spawn(process.execPath, ['scripts/bootstrap.mjs', 'start'], {
    cwd: projectDir(),
    env: {
      ...process.env,
      SANDBOX_EXECUTOR_MANAGER_PORT: port,
      SANDBOX_EXECUTOR_MANAGER_POOL_SIZE: '1',
      EXECUTOR_MANAGER_LOG_LEVEL: 'info',
      EXECUTOR_MANAGER_BUILD_WORKSPACE: 'off',
    },
    stdio: ['ignore', log, 'inherit'],
  })
  closeSync(log)
  const ended = once(service, 'close')
  onTestFinished(async () => {
    service.kill('SIGKILL')
    await ended
  })

  const client = new Client()
  client.url = `http://127.0.0.1:${port}`
  await until(() =>
    fetch(`${client.url}/healthz`).then(
      () => true,
      () => false,
    ),
  )
  for (let run = 0; run < 3; run++) {
    const answer = await client.run('python', 'def main(): return 1')
    expect(answer.status).toBe('success')
  }
  let text = ''
  await until(() => {
    text += readSome(reader)
    return text.split('"msg":"run"').length > 3 && text.includes('serves on')
  })
  service.kill('SIGTERM')
  expect(await ended).toEqual([0, null])
})

/** So that not a byte more goes in. */
function fill(fifo: string): void {
  const writer = openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK)
  try {
    for (;;) writeSync(writer, Buffer.alloc(4096, '\n'))
  } catch {
    // EAGAIN: full.
  } finally {
    closeSync(writer)
  }
}

function readSome(fd: number): string {
  const buffer = Buffer.alloc(64 * 1024)
  try {
    return buffer.toString('utf8', 0, readSync(fd, buffer))
  } catch {
    return ''
  }
}
