import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { scaledMs } from '../../src/lib/time-scale.ts'
import { realHome } from '../faults/own-disk.ts'
import { freePort, launchService, startService } from '../support/service.ts'
import { sessionClient } from '../support/session-client.ts'

const SECRET = `secret-${randomBytes(12).toString('hex')}`

/** Every file below a folder. */
function filesIn(folder: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
}

function foldersOf(port: string): string[] {
  const sessions = path.join(realHome, 'sessions')
  return readdirSync(sessions)
    .filter((name) => name.endsWith(port) || name.endsWith(`${port}-encrypted`))
    .map((name) => path.join(sessions, name))
}

/** A service with sessions on a port of its own, whose folders are removed in the end. */
async function place() {
  const port = String(await freePort())
  onTestFinished(() => {
    for (const folder of foldersOf(port)) rmSync(folder, { recursive: true, force: true })
  })
  return { SANDBOX_EXECUTOR_MANAGER_PORT: port, EXECUTOR_MANAGER_SESSIONS: '20' }
}

const PUT = (id: string) =>
  [
    `/${id}/runs`,
    { code: `kept = "${SECRET}"; open("f", "w").write(kept); print(len(kept))` },
  ] as const

test('without a key the files of sessions are the manager’s alone', async () => {
  const env = await place()
  const service = await startService(env)
  const { call, create } = sessionClient(() => service.client.url)
  const id = await create({ template: 'python' })
  expect((await call('POST', ...PUT(id))).json().status).toBe('succeeded')
  await call('POST', `/${id}/pause`)
  const files = foldersOf(env.SANDBOX_EXECUTOR_MANAGER_PORT).flatMap(filesIn)
  expect(files.length).toBeGreaterThan(3)
  for (const file of files) {
    expect(statSync(file).mode & 0o777, file).toBe(0o600)
    expect(statSync(path.dirname(file)).mode & 0o777, file).toBe(0o700)
  }
  // What the next test looks for is there without a key.
  expect(files.some((file) => readFileSync(file).includes(SECRET))).toBe(true)
  expect((await call('DELETE', `/${id}`)).status).toBe(204)
  expect(foldersOf(env.SANDBOX_EXECUTOR_MANAGER_PORT).flatMap(filesIn)).toEqual([])
})

test(
  'with a key nothing on disk tells what sessions hold, and all that they do goes on',
  async () => {
    const env = await place()
    const { SANDBOX_EXECUTOR_MANAGER_PORT: port } = env
    const folder = mkdtempSync(path.join(tmpdir(), 'session-key-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const keyFile = path.join(folder, 'key')
    writeFileSync(keyFile, `${randomBytes(32).toString('base64')}\n`)
    const withKey = { ...env, EXECUTOR_MANAGER_SESSION_KEY: keyFile }
    let service = await startService(withKey)
    const { call } = sessionClient(() => service.client.url)
    const { id } = (await call('POST', '', { template: 'python', env: { TOKEN: SECRET } })).json()
    expect((await call('POST', ...PUT(id))).json().status).toBe('succeeded')
    // More than half of what it may hold: its image in memory must not count against that.
    const much = {
      code: 'much = bytearray(170_000_000)\nfor i in range(0, len(much), 4096): much[i] = 7',
    }
    expect((await call('POST', `/${id}/runs`, much)).json().status).toBe('succeeded')
    const began = performance.now()
    expect((await call('POST', `/${id}/pause`)).json().state).toBe('hibernated')
    const paused = performance.now()
    expect((await call('POST', `/${id}/resume`)).json().state).toBe('ready')
    const resumed = performance.now()
    const { bytes } = (await call('GET', `/${id}`)).json().checkpoint
    console.log({ bytes, pauseMs: paused - began, resumeMs: resumed - paused })
    const { sessions } = (await call('POST', `/${id}/fork`, { count: 1 })).json()
    const snapshot = (await call('POST', `/${id}/snapshots`)).json()
    const fromSnapshot = (await call('POST', '', { snapshot: snapshot.id })).json().id
    const all = [id, sessions[0].id, fromSnapshot]
    for (const one of all) {
      const { stdout } = (
        await call('POST', `/${one}/runs`, { code: 'print(kept, len(much))' })
      ).json()
      expect(stdout).toBe(`${SECRET} 170000000\n`)
      expect((await call('POST', `/${one}/pause`)).json().state).toBe('hibernated')
    }
    const files = foldersOf(port).flatMap(filesIn)
    expect(files.length).toBeGreaterThan(12)
    for (const file of files) {
      expect(statSync(file).mode & 0o777, file).toBe(0o600)
      const found = spawnGrep(SECRET, file)
      expect(found, file).toBe(false)
    }
    service.kill('SIGTERM')
    expect(await service.ended()).toBe(0)
    // Another key, or none: the start says so, and nothing is gone.
    const before = foldersOf(port).flatMap(filesIn).sort()
    for (const wrong of [randomBytes(32).toString('hex'), '']) {
      const refused = launchService({ ...env, EXECUTOR_MANAGER_SESSION_KEY: wrong })
      expect(await refused.ended()).not.toBe(0)
      expect(refused.output()).toMatch(/EXECUTOR_MANAGER_SESSION_KEY/)
    }
    expect(foldersOf(port).flatMap(filesIn).sort()).toEqual(before)
    service = await startService(withKey)
    for (const one of all) {
      const { stdout } = (
        await call('POST', `/${one}/runs`, { code: 'print(kept, len(much))' })
      ).json()
      expect(stdout).toBe(`${SECRET} 170000000\n`)
      expect((await call('DELETE', `/${one}`)).status).toBe(204)
    }
    const { url } = service.client
    expect((await fetch(`${url}/v1/snapshots/${snapshot.id}`, { method: 'DELETE' })).status).toBe(
      204,
    )
    const left = foldersOf(port).flatMap(filesIn)
    expect(left.map((file) => path.basename(file))).toEqual(['.key'])
    service.kill('SIGTERM')
    expect(await service.ended()).toBe(0)
  },
  scaledMs(600_000),
)

function spawnGrep(text: string, file: string): boolean {
  try {
    execFileSync('grep', ['-qF', text, file])
    return true
  } catch {
    return false
  }
}
