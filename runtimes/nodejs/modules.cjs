/**
 * Programs that are no CommonJS: ES modules, an await outside of functions, TypeScript. Only a source
 * that does not compile as CommonJS comes here.
 */
'use strict'

const { createRequire, registerHooks, stripTypeScriptTypes } = require('node:module')
const { pathToFileURL } = require('node:url')
const { parse } = require('acorn')

/** From here the libraries of the image are found, as by NODE_PATH, which ES modules do not know. */
const LIBRARIES = 'file:///usr/local/lib/libraries.js'
/**
 * Libraries whose ES modules take V8 many times as long as their CommonJS: they export all of some hundred others
 * by `export *`, which costs date-fns 5 s and 500 MB. import() of their CommonJS gives the same names.
 */
const IMPORTED_AS_COMMONJS = /^(date-fns|mathjs)(\/|$)/
const FOUND = Symbol.for('executor.main')
// A bare `function main` counts as exported. On the last line, so that no line number changes.
const FIND_MAIN = `\n;globalThis[Symbol.for('executor.main')]?.(typeof main === 'undefined' ? undefined : main);`

/** Whether a source is JavaScript as an ES module. */
function isModule(source) {
  try {
    parse(source, { ecmaVersion: 'latest', sourceType: 'module', allowHashBang: true })
    return true
  } catch {
    return false
  }
}

/** A TypeScript source without its types, each line where it was if that can be; null if it is none. */
function stripTypes(source) {
  const { emitWarning } = process
  // Says that this is experimental, which is not for the program's stderr.
  process.emitWarning = () => {}
  try {
    return stripTypeScriptTypes(source, { mode: 'strip' })
  } catch (error) {
    if (error.code !== 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX') return null
  } finally {
    process.emitWarning = emitWarning
  }
  process.emitWarning = () => {}
  try {
    // Enums and other types that are code.
    return stripTypeScriptTypes(source, { mode: 'transform' })
  } catch {
    return null
  } finally {
    process.emitWarning = emitWarning
  }
}

/**
 * Loads an ES module and returns what is its main: exported, the default export, or just defined. What
 * CommonJS has is there too, for programs that mix both.
 */
async function importMain(source, path) {
  const url = pathToFileURL(path).href
  const module = { exports: {} }
  let found
  for (const [name, value] of Object.entries({
    require: createRequire(path),
    module,
    exports: module.exports,
    __filename: path,
    __dirname: path.slice(0, path.lastIndexOf('/')),
    [FOUND]: undefined,
  })) {
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true })
  }
  const note = (main) => {
    found = main
  }
  Object.defineProperty(globalThis, FOUND, { value: note, configurable: true })
  registerHooks({ resolve: resolveLibrary, load })
  function load(asked, context, next) {
    if (asked !== url) return next(asked, context)
    return { format: 'module', source: source + FIND_MAIN, shortCircuit: true }
  }
  const exported = await import(url)
  delete globalThis[FOUND]
  for (const candidate of [exported, exported.default, module.exports]) {
    if (typeof candidate === 'function') return candidate
    if (typeof candidate?.main === 'function') return candidate.main
  }
  return found
}

/** Has import() find the libraries of the image. */
function findLibraries() {
  registerHooks({ resolve: resolveLibrary })
}

function resolveLibrary(specifier, given, next) {
  const context = IMPORTED_AS_COMMONJS.test(specifier)
    ? { ...given, conditions: commonJs(given) }
    : given
  try {
    return next(specifier, context)
  } catch (error) {
    if (/^(\.|\/|\w+:)/.test(specifier)) throw error
    try {
      return next(specifier, { ...context, parentURL: LIBRARIES })
    } catch {
      throw error
    }
  }
}

function commonJs({ conditions }) {
  return conditions.map((name) => (name === 'import' ? 'require' : name))
}

module.exports = { findLibraries, importMain, isModule, stripTypes }
