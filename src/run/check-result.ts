import { isJson } from '../lib/json-text.ts'

/** Deeper, and a client's JSON reader fails on the whole answer: Python's ends at less than 1000. */
const MAX_RESULT_DEPTH = 500

/** A whole number of more digits, and Python's JSON reader refuses the whole answer (sys.int_info). */
const MAX_RESULT_DIGITS = 4300

/** Tells what is wrong with the JSON text of a result; null: nothing. 10 MiB take tenths of a second. */
export function checkResult(result: Buffer): string | null {
  if (isJson(result, { depth: MAX_RESULT_DEPTH, digits: MAX_RESULT_DIGITS })) return null
  return isJson(result, { depth: MAX_RESULT_DEPTH })
    ? `The result has a whole number of more than ${MAX_RESULT_DIGITS} digits.`
    : `The result is not JSON, or nested more than ${MAX_RESULT_DEPTH} deep.`
}
