import { readdirSync } from 'node:fs'
import path from 'node:path'
import { describe } from 'vitest'
import { sample } from '../support/sample.ts'
import { useShared } from '../support/shared-manager.ts'

sample(6)

/**
 * The files of shared/ run programs and look at their answers. Here they run one after the other on one
 * manager; a single one can be run by its path.
 */
useShared()

for (const file of readdirSync(path.join(import.meta.dirname, 'shared')).sort()) {
  const name = file.replace(/\.test\.ts$/, '')
  describe(name, () => import(`./shared/${name}.test.ts`))
}
