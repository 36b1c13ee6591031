import type { ManagerError } from '../errors.ts'
import type { RunEvent, RunOutcome, RunRequest } from '../run/types.ts'
import type { RunEnding } from './run-rows.ts'

/** An ending whose outcome is still text, in pieces. */
export interface ToldEnding extends Omit<RunEnding, 'outcome'> {
  readonly outcome: Iterable<string> | null
}

/** Says what became of accepted runs in the words of the front door that accepted them. */
export interface Words {
  /** @param tell gets the name and the data of each event */
  eventsOf(
    id: string,
    tell: (name: string, data: string) => void,
  ): { tell(event: RunEvent): void; end(): void }
  /** How a run ended; its outcome without the content of its files. */
  endingOf(run: RunRequest, outcome: RunOutcome): ToldEnding
  /** Why a run has no outcome. @param hasBegun whether its code may have run */
  failureOf(run: RunRequest, error: ManagerError | Error, hasBegun: boolean): ToldEnding
  /** The caller canceled it before its turn. */
  readonly canceled: RunEnding
  /** The service ended while it executed. */
  readonly lost: RunEnding
}
