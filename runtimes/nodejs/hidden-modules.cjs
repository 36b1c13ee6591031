/**
 * Modules that are loaded before the program, which must not notice: they appear in the cache when the program
 * requires them.
 */
'use strict'

const Module = require('node:module')

/** Modules that were loaded beforehand and that the program has not asked for, by file. */
const hiddenModules = new Map()
/** The file of each module to load beforehand, by the name it is required by. */
const preloaded = new Map()

function preload(name) {
  require(name)
  preloaded.set(name, require.resolve(name))
}

/** Makes a module that was loaded beforehand appear in the cache when it is required. */
function revealOnRequire() {
  const load = Module._load
  Module._load = function (request, ...rest) {
    const file = preloaded.get(request)
    if (file !== undefined) reveal(file)
    return load.call(this, request, ...rest)
  }
}

/** Puts a module and all that it required where a first require would have put them. */
function reveal(file) {
  const module = hiddenModules.get(file)
  if (!module) return
  hiddenModules.delete(file)
  Module._cache[file] = module
  for (const child of module.children) reveal(child.filename)
}

/** Makes the process look to the user's code as one that was started with it. */
function lookFresh(sourcePath) {
  process.argv = [process.execPath, sourcePath]
  process.execArgv = []
  for (const [file, module] of Object.entries(require.cache)) {
    hiddenModules.set(file, module)
    delete require.cache[file]
  }
}

module.exports = { lookFresh, preload, revealOnRequire }
