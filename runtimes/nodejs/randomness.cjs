/** Fresh randomness for executors that were restored from one snapshot. */
'use strict'

const v8 = require('node:v8')
const vm = require('node:vm')
const { randomBytes, randomInt, randomUUID } = require('node:crypto')
const reseedOpenSsl = require('./reseed.node')

/**
 * Fresh randomness from the kernel, in each executor before it is ready: those that are restored from
 * one snapshot share their state. Never before a snapshot is taken.
 *
 * Math.random of a context takes its seed when it is first called, from the flag if that is set, else
 * from its isolate's generator, which is in the snapshot. So the main context is seeded here, through
 * the flag, and drawn from a random number of times, since a flag has 32 bits only. The flag is then
 * cleared: a Worker has an isolate of its own, which asks OpenSSL. Contexts of the main isolate are
 * seeded as they are made, see seedNewContexts().
 */
function reseed() {
  if (!reseedOpenSsl()) throw new Error('OpenSSL could not be reseeded')
  seedMathRandom(Math.random)
}

function seedMathRandom(random) {
  const entropy = randomBytes(6)
  v8.setFlagsFromString(`--random-seed=${entropy.readInt32LE(0) || 1}`)
  for (let draws = (entropy.readUInt16LE(4) & 1023) + 1; draws > 0; draws--) random()
  v8.setFlagsFromString('--random-seed=0')
}

/** Makes every way to a new context of the vm module seed that context's Math.random. */
function seedNewContexts() {
  const { createContext, runInContext, Script } = vm
  vm.createContext = function (...args) {
    const context = createContext.apply(this, args)
    seedMathRandom(runInContext('Math.random', context))
    return context
  }
  vm.runInNewContext = (code, object, options) =>
    runInContext(code, vm.createContext(object, contextOptions(options)), options)
  Script.prototype.runInNewContext = function (object, options) {
    return this.runInContext(vm.createContext(object, contextOptions(options)), options)
  }
}

/** Those of runInNewContext()'s options that are about the context it makes. */
function contextOptions(options) {
  if (typeof options !== 'object' || options === null) return undefined
  const { contextName: name, contextOrigin: origin, contextCodeGeneration, microtaskMode } = options
  return { name, origin, codeGeneration: contextCodeGeneration, microtaskMode }
}

/**
 * Uses up what Node.js has drawn in advance: randomUUID() keeps 128 values, randomInt() 6 KiB. For a process that
 * may have called them before it was copied. After reseed(), from which the next ones are drawn.
 */
function dropDrawn() {
  for (let i = 0; i < 128; i++) randomUUID()
  for (let i = 0; i < 1024; i++) randomInt(2 ** 47)
}

module.exports = { reseed, seedNewContexts, dropDrawn }
