import { TARGETS, testKills } from '../support/executor-kills.ts'

/** What the short suite leaves out: other processes than the sentry, and executors that are booted cold. */
testKills(
  'restored',
  TARGETS.filter((target) => target !== 'sentry'),
)
testKills('cold', TARGETS)
