import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { FileLock } from '../../src/lib/file-lock.ts'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'file-lock-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
})

async function take(mode: 'shared' | 'exclusive', where = folder): Promise<FileLock | null> {
  const lock = await FileLock.take(where, mode)
  onTestFinished(() => lock?.release())
  return lock
}

test('many may share a folder, and nobody has it alone meanwhile', async () => {
  const first = await take('shared')
  const second = await take('shared')
  expect(first).not.toBeNull()
  expect(second).not.toBeNull()
  expect(await take('exclusive')).toBeNull()
  first?.release()
  expect(await take('exclusive')).toBeNull()
  second?.release()
  const alone = await take('exclusive')
  expect(alone).not.toBeNull()
  expect(await take('shared')).toBeNull()
  alone?.release()
  alone?.release()
  expect(await take('shared')).not.toBeNull()
})

test('what is not there cannot be locked', async () => {
  expect(await take('shared', path.join(folder, 'none'))).toBeNull()
})

test('a lock goes along when the folder is renamed', async () => {
  const before = path.join(folder, 'before')
  const after = path.join(folder, 'after')
  mkdirSync(before)
  expect(await take('shared', before)).not.toBeNull()
  renameSync(before, after)
  expect(await take('exclusive', after)).toBeNull()
})

test("a process that is killed loses its lock, whoever's pid namespace it was in", async () => {
  // Only root may make a pid namespace.
  const inNamespace = process.getuid?.() === 0 ? ['unshare', '--pid', '--fork', '--kill-child'] : []
  const command = [...inNamespace, 'flock', '--no-fork', '--exclusive', folder, 'sleep', '600']
  const holder = spawn(command[0] as string, command.slice(1), { stdio: 'ignore' })
  onTestFinished(() => void holder.kill('SIGKILL'))
  const canBeHad = async () => {
    const lock = await FileLock.take(folder, 'shared')
    lock?.release()
    return lock !== null
  }
  await vi.waitFor(async () => expect(await canBeHad()).toBe(false), { timeout: 20_000 })
  holder.kill('SIGKILL')
  await vi.waitFor(async () => expect(await canBeHad()).toBe(true), { timeout: 20_000 })
})
