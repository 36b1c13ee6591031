import { otherPrograms } from '../adversarial/program.ts'
import { testTaskBombs } from '../adversarial/task-bombs.ts'

/** The bombs that the short suite leaves out. */
testTaskBombs(otherPrograms())
