import { testHostilePrograms } from '../adversarial/hostile.ts'
import { essentialPrograms, loadPrograms } from '../adversarial/program.ts'

/** The hostile programs that the short suite leaves out. */
const essential = new Set(essentialPrograms().map(({ name }) => name))
testHostilePrograms(loadPrograms().filter(({ name }) => !essential.has(name)))
