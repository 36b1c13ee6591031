/**
 * Runs cells as a notebook does: the value of the last expression, await and import outside of functions,
 * names that later cells see and may declare again, display().
 */
'use strict'

const { createRequire } = require('node:module')
const util = require('node:util')
const vm = require('node:vm')
const { parse } = require('acorn')
const { findLibraries, stripTypes } = require('./modules.cjs')
const { resultJson } = require('./results.cjs')

const { isArray } = Array
const { defineProperty, keys } = Object
/** By this name a value says itself in which forms it can be shown, as in other notebooks. */
const FORMS = Symbol.for('Jupyter.display')
const PARSED = { ecmaVersion: 'latest', allowAwaitOutsideFunction: true, allowHashBang: true }

let isPrepared = false

/**
 * Runs a cell.
 * @param path that its lines belong to
 * @param showDisplay, showValue take the JSON text of a MIME bundle
 * @param isInterruptible whether SIGINT ends it with an error
 * @param refuseIfFound ends the run where the code policy refuses the source without its types
 * @returns a promise where the cell awaits something
 * @throws whatever the cell throws
 */
function runCell(source, path, { isInterruptible, showDisplay, showValue, refuseIfFound }) {
  prepare(path, showDisplay)
  const { code, program } = readCell(source, path, refuseIfFound)
  const hasValue = program.body.at(-1)?.type === 'ExpressionStatement'
  const show = (value) => {
    if (hasValue && value !== undefined) showValue(bundleOf(value))
  }
  const isAsync = program.body.some(isImport) || hasAwait(program.body)
  // Called in the script, so that an interrupt ends what runs before the first await too.
  const text = isAsync ? `${asynchronous(code, program)}()` : lasting(code, program)
  const script = new vm.Script(text, {
    filename: path,
    importModuleDynamically: vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  })
  const value = script.runInThisContext({ displayErrors: false, breakOnSigint: isInterruptible })
  if (isAsync) return value.then(([last]) => show(last))
  show(value)
  return undefined
}

/** What a cell finds beside the globals of Node.js. */
function prepare(path, showDisplay) {
  if (isPrepared) return
  isPrepared = true
  findLibraries()
  const module = { exports: {} }
  const globals = {
    require: createRequire(path),
    module,
    exports: module.exports,
    __filename: path,
    __dirname: path.slice(0, path.lastIndexOf('/')),
    display: (value, { raw = false } = {}) => {
      showDisplay(raw ? resultJson(value).json : bundleOf(value))
    },
  }
  for (const [name, value] of Object.entries(globals)) {
    defineProperty(globalThis, name, { value, configurable: true, writable: true })
  }
}

/** A value in its forms, as JSON text. */
function bundleOf(value) {
  const forms = typeof value?.[FORMS] === 'function' ? value[FORMS]() : null
  return resultJson(forms ?? { 'text/plain': util.inspect(value) }).json
}

/** The source as JavaScript, and what it consists of. */
function readCell(source, path, refuseIfFound) {
  const isObject = /^\s*\{[\s\S]*\}\s*$/.test(source)
  for (const code of isObject ? [`(${source}\n)`, source] : [source]) {
    const program = parsed(code)
    if (program) return { code, program }
  }
  const plain = stripTypes(source)
  const program = plain === null ? null : parsed(plain)
  if (program) {
    refuseIfFound(Buffer.from(plain))
    return { code: plain, program }
  }
  // Node.js says best what is wrong, but knows no await here.
  new vm.Script(source, { filename: path })
  parse(source, { ...PARSED, sourceType: 'module' })
  throw new SyntaxError('the cell is not JavaScript')
}

function parsed(code) {
  for (const sourceType of ['script', 'module']) {
    try {
      return parse(code, { ...PARSED, sourceType })
    } catch {}
  }
  return null
}

const isImport = ({ type }) => type === 'ImportDeclaration' || type.startsWith('Export')

/** Whether there is an await that belongs to no function. */
function hasAwait(node) {
  if (isArray(node)) return node.some(hasAwait)
  if (typeof node?.type !== 'string') return false
  if (node.type === 'AwaitExpression' || (node.type === 'ForOfStatement' && node.await)) return true
  if (/Function/.test(node.type)) return false
  return keys(node).some((key) => typeof node[key] === 'object' && hasAwait(node[key]))
}

/** Applies changes, which are [from, to, text] and do not overlap. No line is added or taken away. */
function changed(code, changes) {
  let text = ''
  let at = 0
  for (const [from, to, put] of [...changes].sort((a, b) => a[0] - b[0] || a[1] - b[1])) {
    text += code.slice(at, from) + put
    at = to
  }
  return text + code.slice(at)
}

/** The cell with its own names as variables of all cells. */
function lasting(code, { body }) {
  return changed(
    code,
    body.flatMap((node) => {
      if (node.type === 'VariableDeclaration') {
        return [[node.start, node.start + node.kind.length, 'var']]
      }
      if (node.type === 'ClassDeclaration')
        return [[node.start, node.start, `var ${node.id.name} = `]]
      return []
    }),
  )
}

/** The cell in an asynchronous function, whose own names are variables of all cells all the same. */
function asynchronous(code, { body }) {
  const names = []
  const functions = []
  const changes = []
  for (const [index, whole] of body.entries()) {
    const node = exported(whole, changes)
    if (node.type === 'ImportDeclaration') {
      changes.push([node.start, node.end, importing(node, names)])
    } else if (node.type === 'VariableDeclaration') {
      changes.push([node.start, node.start + node.kind.length, ';('])
      for (const { id, init, end } of node.declarations) {
        namesOf(id, names)
        if (!init) changes.push([end, end, ' = undefined'])
      }
      const { end } = node.declarations.at(-1)
      changes.push([end, end, ');'])
    } else if (node.type === 'ClassDeclaration') {
      names.push(node.id.name)
      changes.push([node.start, node.start, `;${node.id.name} = `], [node.end, node.end, ';'])
    } else if (node.type === 'FunctionDeclaration') {
      functions.push(`globalThis.${node.id.name} = ${node.id.name};`)
    } else if (node.type === 'ExpressionStatement' && index === body.length - 1) {
      const { start, end } = node.expression
      changes.push([node.start, start, `;return [(${code.slice(node.start, start)}`])
      changes.push([end, node.end, `${code.slice(end, node.end).replace(/;\s*$/, '')})];`])
    }
  }
  const variables = names.length > 0 ? `var ${names.join(', ')};` : ''
  const head = `${variables}(async () => {${functions.join('')}`
  return `${head}${changed(code.replace(/^#!.*/, ''), changes)}\n;return []})`
}

/** What is exported, the word export being taken away. */
function exported(node, changes) {
  if (!node.type.startsWith('Export')) return node
  if (!node.declaration?.type) {
    throw new SyntaxError('a cell can export nothing but what it declares: nobody imports it')
  }
  changes.push([node.start, node.declaration.start, ''])
  return node.declaration
}

/** An import as an assignment. */
function importing({ specifiers, source }, names) {
  const loading = `await import(${source.raw})`
  if (specifiers.length === 0) return `;${loading};`
  const [all] = specifiers.filter(({ type }) => type === 'ImportNamespaceSpecifier')
  const parts = specifiers
    .filter((one) => one !== all)
    .map(({ type, imported, local }) => {
      const name = type === 'ImportDefaultSpecifier' ? 'default' : (imported.name ?? imported.raw)
      return `${name}: ${local.name}`
    })
  for (const { local } of specifiers) names.push(local.name)
  const assigned = `{${parts.join(', ')}} = ${all ? `${all.local.name} = ` : ''}${loading}`
  return `;(${assigned});`
}

/** The names that a pattern declares. */
function namesOf(pattern, names) {
  if (!pattern) return
  if (pattern.type === 'Identifier') names.push(pattern.name)
  else if (pattern.type === 'ObjectPattern') {
    for (const { value, argument } of pattern.properties) namesOf(value ?? argument, names)
  } else if (pattern.type === 'ArrayPattern') {
    for (const element of pattern.elements) namesOf(element, names)
  } else namesOf(pattern.left ?? pattern.argument, names)
}

module.exports = { runCell }
