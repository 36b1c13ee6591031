/** Exit codes of this command itself; a program's own are passed on. */
export const EXIT = { usage: 2, service: 125, refused: 126, time: 124, memory: 137, output: 153 }

/** Something that this command tells in a sentence, and ends with. */
export class Failure extends Error {
  readonly exitCode: number

  constructor(message: string, exitCode = EXIT.usage) {
    super(message)
    this.exitCode = exitCode
  }
}
