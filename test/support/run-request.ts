import type { Program, RunRequest } from '../../src/run/types.ts'

/** A request for a run of `code` in function mode, but for what is given. */
export function requestWith(
  part: Partial<Omit<RunRequest, 'program'>> & { program?: Partial<Program> } = {},
): RunRequest {
  const { program, ...rest } = part
  return {
    id: 'run-1',
    caller: 'somebody',
    template: 'python',
    stdin: null,
    env: {},
    files: [],
    limits: {},
    collect: null,
    ...rest,
    program: {
      code: Buffer.from('code'),
      mode: 'function',
      argumentsJson: Buffer.from('{}'),
      argv: [],
      ...program,
    },
  }
}
