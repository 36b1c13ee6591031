import { execFileSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { scaledMs } from '../../src/lib/time-scale.ts'
import type { ExecutorManager } from '../../src/manager.ts'
import { findRunsc } from '../../src/setup/runsc.ts'
import { Client } from '../support/client.ts'
import { openManager, type Settings } from '../support/manager.ts'
import { makePrivateHome } from '../support/private-home.ts'

// A snapshot is made twice in most tests.
vi.setConfig({ testTimeout: scaledMs(240_000), hookTimeout: scaledMs(240_000) })

const PROGRAM = 'import pandas as pd\ndef main():\n    return int(pd.Series([1, 2]).sum())'

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

async function start(settings: Settings = {}): Promise<void> {
  manager = await openManager({
    runtimes: ['python'],
    home,
    logLevel: 'silent',
    limits: { wallTimeMs: 20_000 },
    ...settings,
  })
  client.url = await manager.start()
}

async function answersRight(): Promise<void> {
  expect(await client.run('python', PROGRAM)).toMatchObject({
    status: 'success',
    result: { value: 3 },
  })
}

async function metric(name: string): Promise<number> {
  const text = await (await fetch(`${client.url}/metrics`)).text()
  const line = new RegExp(`^executor_manager_${name} ([\\d.e+-]+)$`, 'm').exec(text)
  return Number(line?.[1] ?? 0)
}

const folderOf = (runtime: string): string => {
  const folder = path.join(home, 'snapshots')
  const name = readdirSync(folder).find((entry) => entry.startsWith(`${runtime}-`))
  return path.join(folder, name ?? 'none')
}

const failures = () => metric('restore_failures_total{runtime="python"}')
const restores = () => metric('executor_made_seconds_count{runtime="python",how="restore"}')

async function restoresAgain(): Promise<void> {
  const before = await restores()
  await vi.waitFor(
    async () => {
      await answersRight()
      expect(await restores()).toBeGreaterThan(before)
    },
    { timeout: 60_000, interval: 200 },
  )
}

test.each([
  ['cut short', (folder: string) => truncateSync(path.join(folder, 'pages.img'), 4096)],
  ['of another kind', (folder: string) => truncateSync(path.join(folder, 'checkpoint.img'), 100)],
  ['deleted', (folder: string) => rmSync(folder, { recursive: true })],
])(
  'a snapshot %s while it serves: answers stay right, and it is made anew',
  async (_what, spoil) => {
    await start()
    await answersRight()
    spoil(folderOf('python'))
    await vi.waitFor(
      async () => {
        await answersRight()
        expect(await failures()).toBeGreaterThan(0)
      },
      { timeout: 60_000, interval: 200 },
    )
    await restoresAgain()
  },
)

test('one restore that fails says nothing about the snapshot: it stays, and serves', async () => {
  const runscPath = path.join(home, 'runsc-stand-in')
  const illness = path.join(home, 'illness')
  // The real one, but for one restore.
  const script = `#!/bin/sh
case " $* " in
  *" restore --detach "*) if rm '${illness}' 2>/dev/null; then echo "runsc: no" >&2; exit 128; fi ;;
esac
exec '${findRunsc(home)?.runscPath}' "$@"
`
  writeFileSync(runscPath, script, { mode: 0o755 })
  await start({ runscPath })
  const before = readdirSync(path.join(home, 'snapshots'))
  writeFileSync(illness, '')
  await vi.waitFor(
    async () => {
      await answersRight()
      expect(existsSync(illness)).toBe(false)
      expect(await failures()).toBe(1)
    },
    { timeout: scaledMs(60_000), interval: 200 },
  )
  await restoresAgain()
  expect(readdirSync(path.join(home, 'snapshots'))).toEqual(before)
  expect(await metric('executor_made_seconds_count{runtime="python",how="boot"}')).toBe(0)
})

test('a snapshot that was spoilt before the start is made anew', async () => {
  await start()
  await manager?.stop()
  truncateSync(path.join(folderOf('python'), 'pages.img'), 4096)
  await start()
  await answersRight()
  await restoresAgain()
})

test('a snapshot of other settings is not used', async () => {
  await start()
  const before = folderOf('python')
  await manager?.stop()
  const other = { processes: 60 }
  manager = await openManager({ runtimes: ['python'], home, logLevel: 'silent', limits: other })
  client.url = await manager.start()
  await answersRight()
  const names = readdirSync(path.join(home, 'snapshots')).filter((name) =>
    name.startsWith('python-'),
  )
  expect(names).toHaveLength(2)
  expect(names).toContain(path.basename(before))
})

test('a full disk: executors are booted cold, it is counted, and told to the operator', async () => {
  const folder = path.join(home, 'snapshots')
  mkdirSync(folder)
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder])
  try {
    await start()
    await answersRight()
    expect(await metric('cold_fallbacks_total{runtime="python"}')).toBeGreaterThan(0)
    expect(readdirSync(folder).filter((name) => !name.endsWith('.fallback'))).toEqual([])
    expect(readFileSync(path.join(folder, 'python.fallback'), 'utf8')).not.toBe('')
    await manager?.stop()
    manager = null
  } finally {
    execFileSync('umount', [folder])
  }
})
