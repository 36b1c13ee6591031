import { testKills } from '../../support/executor-kills.ts'

/** The process that is the sandbox; test/faults/executor-kills.test.ts kills all others. */
testKills('restored', ['sentry'])
