import { essentialPrograms } from './program.ts'
import { testTaskBombs } from './task-bombs.ts'

/** Some of the bombs; `test/long/tasks.test.ts` runs all others. */
testTaskBombs(essentialPrograms())
