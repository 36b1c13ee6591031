import { testHostilePrograms } from '../adversarial/hostile.ts'
import { otherPrograms } from '../adversarial/program.ts'

/** The hostile programs that the short suite leaves out. */
testHostilePrograms(otherPrograms())
