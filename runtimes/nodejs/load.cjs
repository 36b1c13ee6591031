/** Loads a program, whatever kind of JavaScript or TypeScript it is, and finds its main function. */
'use strict'

const Module = require('node:module')
const vm = require('node:vm')
const { importMain, isModule, stripTypes } = require('./modules.cjs')

const WORKSPACE = '/workspace'
const SOURCE_PATH = `${WORKSPACE}/main.js`
// A bare `function main` counts as exported. On the last line, so that no line number changes.
const FIND_MAIN = '\n;module.main = typeof main === "undefined" ? undefined : main;'

/**
 * Loads the user's source: CommonJS as it is, else an ES module, with types taken away where there are
 * some. Returns its main function, of an ES module a promise of it.
 * @param isScript whether no main is looked for: null stands for it
 * @param refuseIfFound ends the run where the code policy refuses the source without its types
 */
function load(source, isScript, refuseIfFound) {
  try {
    return loadCommonJs(source, isScript)
  } catch (error) {
    if (!(error instanceof SyntaxError) || compiles(source)) throw error
    const plain = isModule(source) ? source : stripTypes(source)
    if (plain === null) {
      // Told without the line which was added to it.
      vm.compileFunction(source, [], { filename: SOURCE_PATH })
      throw error
    }
    if (plain !== source) refuseIfFound(Buffer.from(plain))
    return plain !== source && compiles(plain)
      ? loadCommonJs(plain, isScript)
      : loadModule(plain, isScript)
  }
}

function compiles(source) {
  try {
    vm.compileFunction(source, ['exports', 'require', 'module', '__filename', '__dirname'])
    return true
  } catch {
    return false
  }
}

function loadCommonJs(source, isScript) {
  const module = new Module(SOURCE_PATH, null)
  module.filename = SOURCE_PATH
  module.paths = Module._nodeModulePaths(WORKSPACE)
  process.mainModule = module
  module._compile(isScript ? source : source + FIND_MAIN, SOURCE_PATH, 'commonjs')
  module.loaded = true
  if (isScript) return null
  const exported = module.exports
  const main = typeof exported === 'function' ? exported : (exported?.main ?? module.main)
  delete module.main
  return assertMain(main)
}

async function loadModule(source, isScript) {
  const main = await importMain(source, SOURCE_PATH)
  return isScript ? null : assertMain(main)
}

function assertMain(main) {
  if (typeof main === 'function') return main
  throw new TypeError('main is not a function: the code must define a function main')
}

module.exports = { load, SOURCE_PATH }
