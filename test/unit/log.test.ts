import { closeSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openLog } from '../../src/log.ts'

function opened(file: string): number {
  const fd = openSync(file, 'w')
  onTestFinished(() => closeSync(fd))
  return fd
}

test('a line of JSON for each event', () => {
  const file = path.join(tmpdir(), `executor-manager-log-${process.pid}`)
  onTestFinished(() => rmSync(file))
  openLog('info', opened(file)).info({ a: 1 }, 'told')
  expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ a: 1, msg: 'told' })
})

test('a full disk troubles nobody who logs', () => {
  const log = openLog('info', opened('/dev/full'))
  for (let line = 0; line < 2000; line++) log.info('x'.repeat(1000))
})
