import { beforeEach } from 'vitest'

/** Whether this is `npm test`'s part of the tests: the project's setting in vitest.config.ts. */
const isShort = process.env.TEST_PART === 'short'

/**
 * Leaves tests of this file to `npm run test:more`: in `npm test` the first of each describe block runs, and each `oneOf`th
 * after it. The file of the same name in test/whole/ runs them all. To be called once, outside of describe().
 */
export function sample(oneOf: number): void {
  if (!isShort) return
  beforeEach(({ task, skip }) => {
    const siblings = (task.suite ?? task.file).tasks.filter(({ type }) => type === 'test')
    skip(siblings.indexOf(task) % oneOf !== 0, 'npm run test:more runs it')
  })
}
