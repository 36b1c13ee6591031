import { rmSync, truncateSync } from 'node:fs'
import path from 'node:path'
import { test } from 'vitest'
import { useSnapshotFaults } from '../support/snapshot-faults.ts'

/** Snapshots that are spoilt; the first way is in test/integration/snapshot-faults.test.ts. */
const faults = useSnapshotFaults()

test.each([
  ['of another kind', (folder: string) => truncateSync(path.join(folder, 'checkpoint.img'), 100)],
  ['deleted', (folder: string) => rmSync(folder, { recursive: true })],
])(
  'a snapshot %s while it serves: answers stay right, and it is made anew',
  async (_what, spoil) => {
    await faults.start()
    await faults.answersRight()
    spoil(faults.snapshotFolder())
    await faults.untilRestoreFails()
    await faults.untilRestored()
  },
)

test('a snapshot that was spoilt before the start is made anew', async () => {
  await faults.start()
  await faults.stop()
  truncateSync(path.join(faults.snapshotFolder(), 'pages.img'), 4096)
  await faults.start()
  await faults.answersRight()
  await faults.untilRestored()
})
