import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Files that take much longer than others, the longest first. */
const LONGEST = ['integration/shared', 'integration/libraries', 'integration/snapshot-faults']

/**
 * Starts these files before all others of their project. One that starts last runs alone while the other processors
 * wait. Vitest itself goes by the durations of earlier runs, which a fresh clone does not have.
 */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const at = LONGEST.findIndex((name) => moduleId.endsWith(`test/${name}.test.ts`))
      return at < 0 ? LONGEST.length : at
    }
    // The sort is stable.
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b))
  }
}
