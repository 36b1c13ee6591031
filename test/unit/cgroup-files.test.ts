import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { removeAll, signalAll } from '../../src/engine/runsc/cgroup-files.ts'

function emptyFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'executor-manager-cgroup-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

test('a cgroup that is gone has nobody to kill', () => {
  expect(signalAll(path.join(emptyFolder(), 'gone'), 'SIGKILL')).toEqual([])
})

test('who cannot be read is not taken for dead', () => {
  const folder = emptyFolder()
  mkdirSync(path.join(folder, 'cgroup.procs'))
  expect(() => signalAll(folder, 'SIGKILL')).toThrow('EISDIR')
})

test('a removal waits until killing works again', async () => {
  const folder = emptyFolder()
  let calls = 0
  await removeAll(() => {
    if (++calls < 3) throw new Error('EMFILE')
    return 0
  }, [folder])
  expect(calls).toBe(3)
  expect(() => rmSync(folder)).toThrow('ENOENT')
})
