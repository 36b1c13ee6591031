import { expect, test } from 'vitest'
import { ERRORS, type ErrorCode, ManagerError } from '../../src/errors.ts'

test.each(Object.keys(ERRORS) as ErrorCode[])('%s tells its row of the table', (code) => {
  const cause = new Error('why')
  const error = new ManagerError(code, 'A sentence.', { cause })
  expect(error).toMatchObject({ code, message: 'A sentence.', cause, name: 'ManagerError' })
  expect(error.httpStatus).toBe(ERRORS[code].httpStatus)
  expect(error.retryable).toBe(ERRORS[code].retryable)
})
