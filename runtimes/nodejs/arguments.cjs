/** Reads the arguments of a run. */
'use strict'

const { randomUUID } = require('node:crypto')

// What user code may replace is taken beforehand.
const { parse } = JSON

const TEXTS_AND_NUMBERS = /"[^"\\]*(?:\\.[^"\\]*)*"|-?Infinity|NaN/gs

/** JSON text, in which NaN, Infinity and -Infinity may stand, as Python writes them. */
function readArguments(text) {
  try {
    return parse(text)
  } catch {
    const mark = randomUUID()
    const marked = text.replace(TEXTS_AND_NUMBERS, (token) =>
      token[0] === '"' ? token : `"${mark}${token}"`,
    )
    return parse(marked, (_key, value) => {
      const isNumber = typeof value === 'string' && value.startsWith(mark)
      return isNumber ? Number(value.slice(mark.length)) : value
    })
  }
}

module.exports = { readArguments }
