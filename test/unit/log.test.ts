import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, openSync, readFileSync, readSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { lostLogLines, openLog } from '../../src/log.ts'

const scratch = path.join(tmpdir(), `executor-manager-log-${process.pid}`)

function opened(file: string, flags: string | number = 'w'): number {
  const fd = openSync(file, flags)
  onTestFinished(() => closeSync(fd))
  return fd
}

test('a line of JSON for each event, and plain lines', () => {
  onTestFinished(() => rmSync(scratch))
  const log = openLog('info', opened(scratch))
  log.logger.info({ a: 1 }, 'told')
  log.line('plain')
  const [first, second] = readFileSync(scratch, 'utf8').split('\n')
  expect(JSON.parse(first as string)).toMatchObject({ a: 1, msg: 'told' })
  expect(second).toBe('plain')
})

test('a full disk troubles nobody who logs, and the lines are counted', () => {
  const before = lostLogLines()
  const { logger } = openLog('info', opened('/dev/full'))
  for (let line = 0; line < 2000; line++) logger.info('x'.repeat(1000))
  expect(lostLogLines() - before).toBe(2000)
})

describe('a pipe', () => {
  /** Both ends of a pipe whose reader reads nothing by itself. */
  function pipe(): { write: number; read: () => string } {
    expect(spawnSync('mkfifo', [scratch]).status).toBe(0)
    onTestFinished(() => rmSync(scratch))
    const reader = opened(scratch, constants.O_RDONLY | constants.O_NONBLOCK)
    const buffer = Buffer.alloc(1024 ** 2)
    const read = () => {
      try {
        return buffer.toString('utf8', 0, readSync(reader, buffer))
      } catch {
        return ''
      }
    }
    return { write: opened(scratch), read }
  }

  test('that nobody reads blocks nothing; lost lines are counted, and told later', async () => {
    const { write, read } = pipe()
    const before = lostLogLines()
    const { logger } = openLog('info', write)
    for (let line = 0; line < 20_000; line++) logger.info({ line }, 'x'.repeat(100))
    const lost = lostLogLines() - before
    expect(lost).toBeGreaterThan(1000)

    let text = ''
    await vi.waitUntil(
      () => {
        text += read()
        return text.includes('log lines were lost')
      },
      { timeout: 30_000, interval: 1 },
    )
    const lines = text.trimEnd().split('\n')
    expect(JSON.parse(lines.at(-1) as string)).toMatchObject({ level: 40, lost })
    expect(lines).toHaveLength(20_000 - lost + 1)
    logger.info('goes on')
    expect(read()).toContain('goes on')
    expect(lostLogLines() - before).toBe(lost)
  })

  test('stays blocking for other processes that write to it', async () => {
    const { write, read } = pipe()
    openLog('info', write).logger.info('told')
    const other = spawn(
      'sh',
      ['-c', 'for i in 1 2 3; do head -c 100000 /dev/zero || exit 1; done'],
      {
        stdio: ['ignore', write, 'inherit'],
      },
    )
    const ended = once(other, 'close')
    const reading = setInterval(read, 1)
    const [status] = await ended
    clearInterval(reading)
    expect(status).toBe(0)
  })
})
