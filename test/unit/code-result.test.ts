import { expect, test } from 'vitest'
import {
  answerPieces,
  EMPTY_RESULT,
  serializeCodeResult,
} from '../../src/api/ragflow/code-result.ts'
import { INTERNAL_ERROR, POOL_BUSY } from '../../src/api/ragflow/fixed-responses.ts'
import { ANSWER_FIELDS } from '../support/client.ts'

const success = { ...EMPTY_RESULT, status: 'success', exit_code: 0 } as const

test.each([success, POOL_BUSY, INTERNAL_ERROR])('every key is always there: %j', (answer) => {
  const body = JSON.parse(serializeCodeResult(answer)) as object
  expect(Object.keys(body).sort()).toEqual(ANSWER_FIELDS)
})

test('the result goes out as it was written', () => {
  const body = serializeCodeResult({ ...success, resultJson: '[1.0,12345678901234567890]' })
  expect(body).toContain(
    '"result":{"present":true,"value":[1.0,12345678901234567890],"type":"json"}',
  )
  expect(JSON.parse(body)).toMatchObject({ result: { present: true, type: 'json' } })
})

test('a null result is present, no result is null', () => {
  const parse = (resultJson: string | null) =>
    (JSON.parse(serializeCodeResult({ ...success, resultJson })) as { result: unknown }).result
  expect(parse('null')).toEqual({ present: true, value: null, type: 'json' })
  expect(parse(null)).toBeNull()
})

test("a busy pool answers in the contract's words", () => {
  expect(POOL_BUSY).toMatchObject({
    status: 'program_runner_error',
    exit_code: -10,
    stderr: 'Container pool is busy',
    detail: 'no_available_container',
  })
})

test.each([0, 1, 2, 3, 192 * 1024, 400_001])('artifacts of %i bytes go out as base64', (size) => {
  const content = Buffer.alloc(size, 'abcde')
  const artifacts = ['a.csv', 'b.csv'].map((name) => ({ name, mime_type: 'x', size, content }))
  const pieces = [...answerPieces({ ...success, artifacts, resultJson: '1' })]
  const content_b64 = content.toString('base64')
  expect(JSON.parse(pieces.join(''))).toMatchObject({
    artifacts: [
      { name: 'a.csv', mime_type: 'x', size, content_b64 },
      { name: 'b.csv', mime_type: 'x', size, content_b64 },
    ],
    result: { value: 1 },
  })
  expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThan(300_000)
})
