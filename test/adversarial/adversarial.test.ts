import { testHostilePrograms } from './hostile.ts'
import { essentialPrograms } from './program.ts'

/** Some hostile programs of each kind; `test/long/adversarial.test.ts` runs all others. */
testHostilePrograms(essentialPrograms())
