import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { ApiKeys } from '../../src/api/api-keys.ts'
import { scaledMs } from '../../src/lib/time-scale.ts'
import type { ExecutorManager } from '../../src/manager.ts'
import { type Answer, base64, Client } from '../support/client.ts'
import { openManager, type Settings } from '../support/manager.ts'
import { makePrivateHome } from '../support/private-home.ts'
import { until } from '../support/traces.ts'

vi.setConfig({ testTimeout: scaledMs(240_000), hookTimeout: scaledMs(240_000) })

const HOUR_MS = 3_600_000
const NEVER = { ageMs: 1000 * HOUR_MS, restores: 1_000_000 }

let home: string
let manager: ExecutorManager | null
const client = new Client()

beforeEach(() => {
  home = makePrivateHome()
  manager = null
})

afterEach(async () => {
  await manager?.stop()
  rmSync(home, { recursive: true, force: true })
})

async function start(settings: Settings): Promise<void> {
  manager = await openManager({ home, logLevel: 'silent', ...settings })
  client.url = await manager.start()
}

/** Folders of whole snapshots. */
function generations(): string[] {
  return readdirSync(path.join(home, 'snapshots')).filter((name) => !name.startsWith('.'))
}

async function metric(name: string): Promise<number> {
  const text = await (await fetch(`${client.url}/metrics`)).text()
  const line = new RegExp(`^executor_manager_${name} ([\\d.e+-]+)$`, 'm').exec(text)
  return Number(line?.[1] ?? 0)
}

async function answersRight(): Promise<void> {
  const answer = await client.run('bash', 'echo 3')
  expect(answer).toMatchObject({ status: 'success', stdout: '3\n' })
}

test('a snapshot that programs have used is renewed, and serves meanwhile', async () => {
  await start({ runtimes: ['bash'], snapshotRenewal: { ageMs: 1000, restores: 1000 } })
  const [first] = generations()
  const seen = new Set<string>()
  await until(async () => {
    await answersRight()
    const now = generations()
    expect(now.length).toBeGreaterThan(0)
    for (const name of now) seen.add(name)
    return seen.size >= 4 && !now.includes(first as string)
  })
  expect(await metric('executor_made_seconds_count{runtime="bash",how="boot"}')).toBe(0)
  await manager?.stop()
  manager = null
  // What was replaced is removed; two stay for the next start.
  expect(readdirSync(path.join(home, 'snapshots'))).toHaveLength(2)
})

test('so it is after many restores', async () => {
  await start({ runtimes: ['bash'], snapshotRenewal: { ageMs: 24 * HOUR_MS, restores: 2 } })
  const [first] = generations()
  await until(async () => {
    await answersRight()
    return !generations().includes(first as string)
  })
})

test('two serve at once; one in which no program has run is not renewed', async () => {
  await start({ runtimes: ['bash'], snapshotRenewal: { ageMs: 1, restores: 1 } })
  await until(() => generations().length === 2)
  const both = generations()
  // Both are past any limit, and the pool's executor waits in vain for a program.
  for (let reviews = 0; reviews < 3; reviews++) {
    await new Promise((resolve) => setTimeout(resolve, 1000))
    expect(generations()).toEqual(both)
  }
})

test('a start serves from an old snapshot at once, and renews it afterwards', async () => {
  await start({ runtimes: ['bash'], snapshotRenewal: null })
  await manager?.stop()
  const [old] = generations()
  const factsFile = path.join(home, 'snapshots', old as string, 'snapshot.json')
  const facts = JSON.parse(readFileSync(factsFile, 'utf8'))
  writeFileSync(factsFile, JSON.stringify({ ...facts, createdAtMs: Date.now() - 5 * HOUR_MS }))
  await start({ runtimes: ['bash'], snapshotRenewal: { ageMs: HOUR_MS, restores: 1000 } })
  expect(generations()).toEqual([old])
  await answersRight()
  await until(() => !generations().includes(old as string))
  await answersRight()
  expect(await metric('executor_made_seconds_count{runtime="bash",how="boot"}')).toBe(0)
})

test('with snapshots of its own, a key shares addresses with no other key', async () => {
  const pairs = { alice: 'a-key-of-16-characters', bob: 'b-key-of-16-characters' }
  const text = Object.entries(pairs).map((pair) => pair.join(':'))
  const keys = ApiKeys.parse(text.join(',')) as ApiKeys
  await start({ runtimes: ['bash'], keys, snapshotsPerKey: true })
  const addressesOf = async (key: string) => {
    const code_b64 = base64('od -An -tx8 /proc/$$/auxv')
    const response = await fetch(`${client.url}/run`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
      body: JSON.stringify({ code_b64, language: 'bash' }),
    })
    const answer = (await response.json()) as Answer
    expect(answer).toMatchObject({ status: 'success' })
    return answer.stdout
  }
  const alice = await addressesOf(pairs.alice)
  const bob = await addressesOf(pairs.bob)
  expect(alice).not.toBe(bob)
  expect(await addressesOf(pairs.alice)).toBe(alice)
  expect(await addressesOf(pairs.bob)).toBe(bob)
})

/**
 * What a program can learn of its process: what was fixed when the process started is the same in all
 * executors of a snapshot. `fresh` is of a process that the program starts itself.
 */
const SHARED = {
  python: `
import ctypes, subprocess, sys
PROBE = """
import ctypes
libc = ctypes.CDLL(None)
libc.getauxval.restype = ctypes.c_ulong
libc.getauxval.argtypes = [ctypes.c_ulong]
at_random = libc.getauxval(25)
found = {
    "hash": str(hash("probe")),
    "at_random": ctypes.string_at(at_random, 16).hex(),
    "stack": hex(at_random),
    "library": next(line for line in open("/proc/self/maps") if "libc.so" in line).split("-")[0],
}
"""
def main():
    scope = {}
    exec(PROBE, scope)
    child = subprocess.run([sys.executable, "-c", PROBE + "print(found)"], capture_output=True, text=True)
    return {"shared": scope["found"], "fresh": child.stdout + child.stderr}
`,
  // V8 keeps a string's hash in the word before its length: found by reading the own memory.
  nodejs: `
const fs = require('fs')
const word = (bytes, type) => {
  for (let at = 0; at < bytes.length; at += 16) {
    if (bytes.readBigUInt64LE(at) === type) return bytes.readBigUInt64LE(at + 8)
  }
}
function hashOf(marker, memory) {
  for (const line of fs.readFileSync('/proc/self/maps', 'utf8').split('\\n')) {
    const [, start, end] = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line) ?? []
    if (!start || parseInt(end, 16) - parseInt(start, 16) > 2 ** 26) continue
    const part = Buffer.alloc(parseInt(end, 16) - parseInt(start, 16))
    try { fs.readSync(memory, part, 0, part.length, parseInt(start, 16)) } catch { continue }
    for (let at = part.indexOf(marker); at >= 8; at = part.indexOf(marker, at + 1)) {
      if (part.readUInt32LE(at - 4) === marker.length) return part.readUInt32LE(at - 8)
    }
  }
}
function main() {
  const marker = ['a', 'string', 'to', 'be', 'hashed'].join('-')
  const names = { [marker]: 1 }
  const auxv = fs.readFileSync('/proc/self/auxv')
  const memory = fs.openSync('/proc/self/mem', 'r')
  const at = word(auxv, 25n)
  const atRandom = Buffer.alloc(16)
  fs.readSync(memory, atRandom, 0, 16, at)
  const shared = {
    hash: String(hashOf(Object.keys(names)[0], memory)),
    at_random: atRandom.toString('hex'),
    stack: at.toString(16),
    library: word(auxv, 7n).toString(16),
  }
  const fresh = require('child_process').execFileSync('od', ['-An', '-tx8', '/proc/self/auxv'])
  return { shared, fresh: fresh.toString() }
}
`,
}

test.each(Object.entries(SHARED))(
  '%s: hash seed, AT_RANDOM and addresses differ between two snapshots, not within one',
  async (language, program) => {
    await start({
      runtimes: [language],
      snapshotRenewal: NEVER,
      limits: { wallTimeMs: 20_000 },
    })
    await until(() => generations().length === 2)
    const shared = new Map<string, Record<string, string>>()
    const fresh: string[] = []
    // Each executor comes from one of the two, by chance.
    await until(async () => {
      const answer = await client.run(language, program)
      expect(answer).toMatchObject({ status: 'success' })
      const value = answer.result?.value as { shared: Record<string, string>; fresh: string }
      const known = shared.get(value.shared.stack as string)
      if (known) expect(value.shared).toEqual(known)
      shared.set(value.shared.stack as string, value.shared)
      fresh.push(value.fresh)
      return shared.size === 2 && fresh.length > 3
    })
    const [one, other] = [...shared.values()] as [Record<string, string>, Record<string, string>]
    for (const [name, value] of Object.entries(one)) {
      expect({ name, isShared: value === other[name] }).toEqual({ name, isShared: false })
      expect(value).not.toBe('undefined')
    }
    expect(new Set(fresh).size).toBe(fresh.length)
  },
)
