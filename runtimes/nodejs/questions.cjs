/**
 * Answers questions about code that clients of notebooks ask, in the words of Jupyter's replies: what may follow, what a
 * name is, whether a cell is whole, what expressions are worth.
 */
'use strict'

const util = require('node:util')
const vm = require('node:vm')
const { parse } = require('acorn')
const { stripTypes } = require('./modules.cjs')

const MOST_MATCHES = 500
const MAX_TEXT = 64 * 1024
const PARSED = { ecmaVersion: 'latest', allowAwaitOutsideFunction: true, allowHashBang: true }
const KEYWORDS = [
  ...[
    'async',
    'await',
    'break',
    'case',
    'catch',
    'class',
    'const',
    'continue',
    'debugger',
    'default',
  ],
  ...['delete', 'do', 'else', 'export', 'extends', 'false', 'finally', 'for', 'function', 'if'],
  ...[
    'import',
    'in',
    'instanceof',
    'let',
    'new',
    'null',
    'return',
    'static',
    'super',
    'switch',
    'this',
  ],
  ...['throw', 'true', 'try', 'typeof', 'var', 'void', 'while', 'with', 'yield'],
]

/** @param question JSON text @returns JSON text of the answer */
function answer(question) {
  const { about, code = '', position, detail, expressions } = JSON.parse(question)
  // Positions are counted in characters, which here may be two units.
  const at = position === null ? code.length : [...code].slice(0, position).join('').length
  if (about === 'complete') return JSON.stringify(complete(code, at))
  if (about === 'inspect') return JSON.stringify(inspect(code, at, detail))
  if (about === 'is_complete') return JSON.stringify(isComplete(code))
  return JSON.stringify(Object.fromEntries(expressions.map(([name, text]) => [name, worth(text)])))
}

const evaluate = (text) => vm.runInThisContext(text, { timeout: 1000 })
const charactersIn = (text) => [...text].length

function complete(code, at) {
  const [, path = '', word = ''] = /((?:[\w$]+\??\.)*)([\w$]*)$/.exec(code.slice(0, at)) ?? []
  let names = []
  try {
    if (path === '') names = [...KEYWORDS, ...namesOf(globalThis)]
    else names = namesOf(evaluate(path.replaceAll('?.', '.').slice(0, -1)))
  } catch {}
  const matches = [...new Set(names)]
    .filter((name) => name.startsWith(word) && /^[\p{L}_$][\p{L}\d_$]*$/u.test(name))
    .sort()
    .slice(0, MOST_MATCHES)
  const end = charactersIn(code.slice(0, at))
  const span = { cursor_start: end - charactersIn(word), cursor_end: end }
  return { status: 'ok', matches, ...span, metadata: {} }
}

function namesOf(value) {
  const names = []
  for (let object = Object(value); object !== null; object = Object.getPrototypeOf(object)) {
    names.push(...Object.getOwnPropertyNames(object))
  }
  return names
}

function inspect(code, at, detail) {
  const before = /[\w$.]*$/.exec(code.slice(0, at))[0]
  const name = before + /^[\w$]*/.exec(code.slice(at))[0]
  let text = ''
  try {
    if (name !== '') text = describe(evaluate(name), detail)
  } catch {}
  const data = text === '' ? {} : { 'text/plain': text.slice(0, MAX_TEXT) }
  return { status: 'ok', found: text !== '', data, metadata: {} }
}

function describe(value, detail) {
  if (typeof value !== 'function') return util.inspect(value, { depth: 1 })
  const source = Function.prototype.toString.call(value)
  return detail > 0 ? source : `${util.inspect(value)}\n${source.split('\n')[0]}`
}

function isComplete(code) {
  let failure = null
  for (const sourceType of ['script', 'module']) {
    try {
      parse(code, { ...PARSED, sourceType })
      return { status: 'complete', indent: '' }
    } catch (error) {
      failure = error
    }
  }
  if (stripTypes(code) !== null) return { status: 'complete', indent: '' }
  const isOpen =
    failure.pos >= code.trimEnd().length || /^Unterminated (template|comment)/.test(failure.message)
  return isOpen ? { status: 'incomplete', indent: '  ' } : { status: 'invalid', indent: '' }
}

function worth(text) {
  try {
    const plain = util.inspect(evaluate(text)).slice(0, MAX_TEXT)
    return { status: 'ok', data: { 'text/plain': plain }, metadata: {} }
  } catch (error) {
    const [ename, evalue] = [String(error?.name ?? 'Error'), String(error?.message ?? error)]
    return { status: 'error', ename, evalue: evalue.slice(0, MAX_TEXT), traceback: [] }
  }
}

module.exports = { answer }
