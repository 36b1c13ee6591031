import { testKills } from '../../support/executor-kills.ts'
import { sample } from '../../support/sample.ts'

sample(2)

/** The process that is the sandbox; test/faults/executor-kills.test.ts kills all others. */
testKills('restored', ['sentry'])
