import { execFileSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { findRunsc } from '../../src/setup/runsc.ts'
import { sample } from '../support/sample.ts'
import { useSnapshotFaults } from '../support/snapshot-faults.ts'

sample(4)

/** More ways to spoil a snapshot are in test/faults/snapshot-faults.test.ts. */
const faults = useSnapshotFaults()

test('a snapshot cut short while it serves: answers stay right, and it is made anew', async () => {
  await faults.start()
  await faults.answersRight()
  truncateSync(path.join(faults.snapshotFolder(), 'pages.img'), 4096)
  await faults.untilRestoreFails()
  await faults.untilRestored()
})

test('one restore that fails says nothing about the snapshot: it stays, and serves', async () => {
  const runscPath = path.join(faults.home, 'runsc-stand-in')
  const illness = path.join(faults.home, 'illness')
  // The real one, but for one restore.
  const script = `#!/bin/sh
case " $* " in
  *" restore --detach "*) if rm '${illness}' 2>/dev/null; then echo "runsc: no" >&2; exit 128; fi ;;
esac
exec '${findRunsc(faults.home)?.runscPath}' "$@"
`
  writeFileSync(runscPath, script, { mode: 0o755 })
  await faults.start({ runscPath })
  const before = faults.snapshots()
  writeFileSync(illness, '')
  await faults.untilRestoreFails()
  expect(existsSync(illness)).toBe(false)
  expect(await faults.restoreFailures()).toBe(1)
  await faults.untilRestored()
  expect(faults.snapshots()).toEqual(before)
  expect(await faults.metric('executor_made_seconds_count{runtime="python",how="boot"}')).toBe(0)
})

test('a snapshot of other settings is not used', async () => {
  await faults.start()
  const before = faults.snapshotFolder()
  await faults.stop()
  await faults.start({ limits: { processes: 60 } })
  await faults.answersRight()
  const names = faults.snapshots().filter((name) => name.startsWith('python-'))
  expect(names).toHaveLength(2)
  expect(names).toContain(path.basename(before))
})

test('a full disk: executors are started cold, it is counted, and told to the operator', async () => {
  const folder = path.join(faults.home, 'snapshots')
  mkdirSync(folder)
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder])
  try {
    await faults.start()
    await faults.answersRight()
    expect(await faults.metric('cold_fallbacks_total{runtime="python"}')).toBeGreaterThan(0)
    expect(readdirSync(folder).filter((name) => !name.endsWith('.fallback'))).toEqual([])
    expect(readFileSync(path.join(folder, 'python.fallback'), 'utf8')).not.toBe('')
    await faults.stop()
  } finally {
    execFileSync('umount', [folder])
  }
})
