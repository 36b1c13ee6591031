import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { holdGuest, installGuest } from '../../src/images/guest.ts'
import { parseDefinition, type Runtime } from '../../src/runtimes/definition.ts'

let rootfs: string
let runtime: Runtime

beforeEach(() => {
  const folder = mkdtempSync(path.join(tmpdir(), 'guest-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  rootfs = path.join(folder, 'rootfs')
  mkdirSync(rootfs)
  const json = {
    mode: 'script',
    sourceFile: 'main.sh',
    image: { suite: 'bookworm', packages: ['jq'] },
    runner: ['/bin/bash'],
    probe: { code: 'echo ok', stdout: 'ok\n' },
  }
  runtime = { ...parseDefinition(json, 'runtime.json'), name: 'bash', folder }
})

/** What a set-up of another version of the project does with the same image. */
async function install(version: string) {
  const supervisor = path.join(rootfs, '..', 'supervisor')
  writeFileSync(supervisor, version)
  const guest = await installGuest(runtime, rootfs, [supervisor])
  const folder = path.join(rootfs, guest.guestPath)
  const age = () => {
    const long = new Date(Date.now() - 30 * 24 * 3600 * 1000)
    utimesSync(folder, long, long)
  }
  return { guest, folder, age }
}

test('an old guest stays while a living manager uses it, and goes when nobody does', async () => {
  const used = await install('1')
  const unused = await install('2')
  const lock = await holdGuest(rootfs, used.guest)
  onTestFinished(() => lock.release())
  used.age()
  unused.age()
  const third = await install('3')
  expect(existsSync(used.folder)).toBe(true)
  expect(existsSync(unused.folder)).toBe(false)
  lock.release()
  await install('4')
  expect(existsSync(used.folder)).toBe(false)
  expect(existsSync(third.folder)).toBe(true)
})

test('a guest that is gone cannot be held', async () => {
  const { guest, folder } = await install('1')
  rmSync(folder, { recursive: true })
  await expect(holdGuest(rootfs, guest)).rejects.toMatchObject({ code: 'SETUP_FAILED' })
})
