import { spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'
import { findInstalledNode, isNewEnough } from './scripts/node.mjs'
import { scaledMs } from './src/lib/time-scale.ts'
import { ClosingLine } from './test/support/closing-line.ts'
import { LongestFirst } from './test/support/longest-first.ts'

// `npx vitest` on a system whose Node.js is too old: tests run on the one that the service runs on.
if (!isNewEnough(process.versions.node)) {
  const node = findInstalledNode()
  if (!node) throw new Error('Node.js is too old: npm run setup installs a newer one')
  const { status } = spawnSync(node, process.argv.slice(1), { stdio: 'inherit' })
  process.exit(status ?? 1)
}

/** Projects of `npm test`: of large files they run a sample, see test/support/sample.ts. */
const SHORT = { TEST_PART: 'short' }

export default defineConfig({
  test: {
    reporters: ['default', new ClosingLine()],
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
          // All files in the same processes, which halves the processor time: what a test replaces, it puts back.
          isolate: false,
          restoreMocks: true,
          unstubEnvs: true,
          maxWorkers: Math.max(2, availableParallelism() - 1),
          // Generous: a busy machine must not fail a test.
          testTimeout: 60_000,
        },
      },
      {
        // Each file has sandboxes of its own and looks at no others: two files at once, each in a process of
        // its own, for the owner of sandboxes is a process.
        test: {
          name: 'integration',
          include: ['test/integration/*.test.ts'],
          env: SHORT,
          pool: 'forks',
          maxWorkers: 2,
          // Programs at once, in the files whose tests run side by side: while one waits, others compute.
          maxConcurrency: 4,
          // Generous: they end a test that hangs, nothing is measured by them.
          testTimeout: scaledMs(60_000),
          hookTimeout: scaledMs(120_000),
          sequence: { groupOrder: 1 },
        },
      },
      {
        // For one of these files by its path: test/integration/shared.test.ts runs them all on one manager.
        test: {
          name: 'shared',
          include: ['test/integration/shared/*.test.ts'],
          pool: 'forks',
          fileParallelism: false,
          maxConcurrency: 4,
          testTimeout: scaledMs(60_000),
          hookTimeout: scaledMs(120_000),
          sequence: { groupOrder: 2 },
        },
      },
      {
        // They look at the whole machine, or measure: one file after the other, and nothing beside it.
        test: {
          name: 'alone',
          include: ['test/integration/alone/*.test.ts'],
          env: SHORT,
          pool: 'forks',
          fileParallelism: false,
          maxConcurrency: 4,
          testTimeout: scaledMs(60_000),
          hookTimeout: scaledMs(120_000),
          sequence: { groupOrder: 3 },
        },
      },
      {
        test: {
          name: 'adversarial',
          include: ['test/adversarial/**/*.test.ts'],
          env: SHORT,
          pool: 'forks',
          fileParallelism: false,
          // Hostile programs at once: more would wait for processors, not for each other.
          maxConcurrency: 3,
          testTimeout: scaledMs(120_000),
          hookTimeout: scaledMs(120_000),
          sequence: { groupOrder: 4 },
        },
      },
      {
        test: {
          name: 'faults',
          include: ['test/faults/**/*.test.ts'],
          pool: 'forks',
          fileParallelism: false,
          testTimeout: scaledMs(120_000),
          hookTimeout: scaledMs(120_000),
          sequence: { groupOrder: 5 },
        },
      },
      {
        test: {
          name: 'callers',
          include: ['test/callers/**/*.test.ts'],
          pool: 'forks',
          fileParallelism: false,
          testTimeout: scaledMs(240_000),
          hookTimeout: scaledMs(240_000),
          sequence: { groupOrder: 6 },
        },
      },
      {
        test: {
          name: 'doors',
          include: ['test/doors/**/*.test.ts'],
          pool: 'forks',
          fileParallelism: false,
          testTimeout: scaledMs(120_000),
          hookTimeout: scaledMs(240_000),
          sequence: { groupOrder: 7 },
        },
      },
      {
        test: {
          name: 'long',
          include: ['test/long/**/*.test.ts'],
          pool: 'forks',
          fileParallelism: false,
          maxConcurrency: 3,
          testTimeout: scaledMs(180_000),
          hookTimeout: scaledMs(120_000),
          sequence: { groupOrder: 8 },
        },
      },
      {
        // The files of which `npm test` runs a sample.
        test: {
          name: 'whole',
          include: ['test/whole/*.test.ts'],
          pool: 'forks',
          fileParallelism: false,
          maxConcurrency: 4,
          testTimeout: scaledMs(120_000),
          hookTimeout: scaledMs(120_000),
          sequence: { groupOrder: 9 },
        },
      },
      {
        // Needs podman and some minutes: npm run test:image.
        test: {
          name: 'image',
          include: ['test/image/**/*.test.ts'],
          globalSetup: ['test/image/global-setup.ts'],
          pool: 'forks',
          fileParallelism: false,
          testTimeout: 600_000,
          hookTimeout: 600_000,
          sequence: { groupOrder: 10 },
        },
      },
    ],
  },
})
