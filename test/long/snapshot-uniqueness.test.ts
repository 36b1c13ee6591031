import { expect, test, vi } from 'vitest'
import { scaledMs } from '../../src/lib/time-scale.ts'
import { usePrivateManager } from '../support/private-manager.ts'
import { until } from '../support/traces.ts'

/** What executors of one snapshot share, and executors of two snapshots do not. */

vi.setConfig({ testTimeout: scaledMs(240_000), hookTimeout: scaledMs(240_000) })

/** No snapshot is old enough, or has served often enough. */
const NEVER = { ageMs: 3_600_000_000, restores: 1_000_000 }

const manager = usePrivateManager()

test('two serve at once; one in which no program has run is not renewed', async () => {
  await manager.start({ runtimes: ['bash'], snapshotRenewal: { ageMs: 1, restores: 1 } })
  await until(() => manager.snapshots().length === 2)
  const both = manager.snapshots()
  // Both are past any limit, and the pool's executor waits in vain for a program.
  for (let reviews = 0; reviews < 3; reviews++) {
    await new Promise((resolve) => setTimeout(resolve, 1000))
    expect(manager.snapshots()).toEqual(both)
  }
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
    await manager.start({
      runtimes: [language],
      snapshotRenewal: NEVER,
      limits: { wallTimeMs: 20_000 },
    })
    await until(() => manager.snapshots().length === 2)
    const shared = new Map<string, Record<string, string>>()
    const fresh: string[] = []
    // Each executor comes from one of the two, by chance.
    await until(async () => {
      const answer = await manager.client.run(language, program)
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
