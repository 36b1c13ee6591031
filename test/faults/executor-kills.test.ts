import { TARGETS, testKills } from '../support/executor-kills.ts'

/** What the short suite leaves out: other processes than the sentry, and executors of a cold start. */
testKills(
  'restored',
  TARGETS.filter((target) => target !== 'sentry'),
)
testKills('cold', TARGETS)
