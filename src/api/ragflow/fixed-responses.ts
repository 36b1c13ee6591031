import { type CodeResult, EMPTY_RESULT } from './code-result.ts'

/** Answers to runs whose code never ran, in the contract's words. */

export const POOL_BUSY: CodeResult = Object.freeze({
  ...EMPTY_RESULT,
  status: 'program_runner_error',
  exit_code: -10,
  stderr: 'Container pool is busy',
  detail: 'no_available_container',
})

export const INTERNAL_ERROR: CodeResult = Object.freeze({
  ...EMPTY_RESULT,
  status: 'program_runner_error',
  exit_code: -3,
  stderr: 'The executor manager could not run this code; the fault is its own.',
  detail: 'internal_error',
})

/**
 * Returns the answer to a program that the code policy refuses.
 * @param findings of the code policy, a line for each
 */
export function codeUnsafe(findings: string): CodeResult {
  return {
    ...EMPTY_RESULT,
    status: 'program_runner_error',
    exit_code: -999,
    stderr: findings,
    detail: 'Code is unsafe',
  }
}

const TOO_MANY = 'Too many requests, please try again later'

export const RATE_LIMITED: CodeResult = Object.freeze({
  ...EMPTY_RESULT,
  status: 'program_runner_error',
  exit_code: -429,
  stderr: TOO_MANY,
  detail: TOO_MANY,
})
