/**
 * The Node.js runner: loads libraries, waits for a task, runs `main(arguments)`, hands back.
 *
 * Started by the supervisor as `node --no-memory-reducer runner.cjs [MODULE ...]`, the modules to load
 * beforehand; the memory reducer would collect garbage after each restore, some time having passed. Speaks
 * frames (u32 length, u8 type, payload; little-endian) on two pipes of its own, so that standard
 * output and error are the user's alone. The other side is src/supervisor/protocol.ts.
 */
'use strict'

const fs = require('node:fs')
const Module = require('node:module')
const util = require('node:util')
const v8 = require('node:v8')
const vm = require('node:vm')

const INPUT_FD = 198
const CONTROL_FD = 199
const STATUS_FD = 200
const [PING, CODE, ARGUMENTS, START, POLICY, MODE, ENV, ARGV] = [1, 2, 3, 4, 5, 6, 7, 8]
const SCRIPT = 1
const [READY, PONG, RESULT, FAILURE, REFUSED, NOTE, ERROR] = [1, 2, 3, 4, 5, 6, 7]
const MAX_REFUSED_BYTES = 32 * 1024
const MAX_NOTE_BYTES = 2048
// Of what was printed of an error; a character takes 6 bytes of JSON at most.
const MAX_TRACEBACK_CHARS = 4000
const MAX_MESSAGE_CHARS = 1000
// On STATUS_FD, exit code 0 and this: the program has its result and gets a second to end.
const RETURNED_MARK = '\0RTRN'
// Up to here a result's frames go out in one write with the status (PIPE_BUF, pipe(7)).
const MAX_LAST_BYTES = 4096 - 7
// Of that second, so that exit handlers still run.
const LEFTOVER_MS = 800

const WORKSPACE = '/workspace'
const SOURCE_PATH = `${WORKSPACE}/main.js`

const reseedOpenSsl = require('./reseed.node')
const inspector = require('./policy.cjs')
const { importMain, isModule, stripTypes } = require('./modules.cjs')
const { collectItems, isAsyncIterator, resultJson } = require('./results.cjs')
const usualPolicy = require('./policy.json')

// What user code may replace is taken beforehand.
const { writeSync, readSync, openSync, ftruncateSync } = fs
const { randomBytes } = require('node:crypto')
const { parse, stringify } = JSON
const { exit } = process
const startTimer = setTimeout
const { toString: errorToString } = Error.prototype
const { wait } = Atomics
const resolve = Promise.resolve.bind(Promise)

// A bare `function main` counts as exported. On the last line, so that no line number changes.
const FIND_MAIN = '\n;module.main = typeof main === "undefined" ? undefined : main;'

const WARM_UP_SOURCE = `
const items = [3, 1, 2]
class Shape { constructor(side) { this.side = side } area() { return this.side ** 2 } }
async function main({ name, list = items }) {
  const total = list.map((n) => n * 2).reduce((a, b) => a + b, 0)
  return { name, total, text: \`\${total}\`, area: new Shape(2).area(), sorted: [...list].sort() }
}
`
// Of each kind of finding and of what is none, so that the way through the inspection is warm.
const WARM_UP_INSPECTION = Buffer.from(`
const { promises: fs } = require('node:fs')
const path = require('path'), axios = require('axios')
class Report {
  constructor(name, rows = []) { this.name = name; this.rows = rows }
  async save(folder) {
    for (const [key, { value }] of Object.entries(this.rows)) this.rows[key] = value ?? 1
    await fs.writeFile(path.join(folder, \`\${this.name}.csv\`), this.rows.map((r) => r.text).join(''))
  }
}
const main = async ({ url }) => {
  try { new Report('r').save('artifacts') } catch (error) { console.log(error, process.env.HOME) }
  const run = eval, find = globalThis['ev' + 'al'], load = require
  return [run('1'), find('2'), new Function('x'), load('vm'), process.binding, (() => 1).constructor]
}
module.exports = { main }
`)
const MAX_ERROR_LINES = 25
const ES_MODULE_WARNING = `Failed to load the ES module: ${SOURCE_PATH}`
const LINE_OF_SOURCE = /\/workspace\/main\.js:(\d+)/
const FRAMES_TAKEN = 50
const FRAMES_SHOWN = 10
// As often as it takes until V8 has compiled the runner's functions for good.
const WARM_UP_ROUNDS = 10
const WARM_UP_ARGUMENTS = '{"name":"\\u00e9","list":[3,1,2]}'

function frameOf(type, payload) {
  const frame = Buffer.allocUnsafe(5 + payload.length)
  frame.writeUInt32LE(payload.length, 0)
  frame[4] = type
  payload.copy(frame, 5)
  return frame
}

function send(type, payload = Buffer.alloc(0)) {
  sendBytes(frameOf(type, payload))
}

function sendBytes(bytes) {
  for (let at = 0; at < bytes.length; ) at += writeSync(CONTROL_FD, bytes, at)
}

/** Tells that the program has its result; passes bytes on as if they were sent. */
function sendReturned(control = Buffer.alloc(0)) {
  const word = Buffer.allocUnsafe(7 + control.length)
  word.write(RETURNED_MARK, 'latin1')
  word.writeUInt16LE(control.length, 5)
  control.copy(word, 7)
  writeSync(STATUS_FD, word)
}

/** What hands a result over: with a NOTE before it if something is to be said of it. */
function resultFrames(value) {
  const { json, note } = resultJson(value)
  const result = frameOf(RESULT, Buffer.from(json, 'utf8'))
  if (note === null) return result
  return Buffer.concat([frameOf(NOTE, Buffer.from(note).subarray(0, MAX_NOTE_BYTES)), result])
}

/**
 * Hands over what main returned. Timers, sockets and workers that the program left get some time to
 * end, then it exits as by process.exit(); what blocks the event loop is ended by the supervisor.
 */
function returned(value) {
  const frames = resultFrames(value)
  const isSmall = frames.length <= MAX_LAST_BYTES
  if (!isSmall) sendBytes(frames)
  try {
    sendReturned(isSmall ? frames : undefined)
  } catch {
    // Closed by the program, whose own end then tells the code.
    if (isSmall) sendBytes(frames)
  }
  startTimer(exit, LEFTOVER_MS).unref()
}

// One buffer for all reads, in memory before the task comes; a whole task mostly fits into one read.
const inputBuffer = Buffer.allocUnsafeSlow(65_536)
let inputStart = 0
let inputEnd = 0

function readExactly(length) {
  const bytes = Buffer.allocUnsafe(length)
  for (let at = 0; at < length; ) {
    if (inputStart === inputEnd) {
      inputStart = 0
      inputEnd = readSync(INPUT_FD, inputBuffer, 0, inputBuffer.length, null)
      if (inputEnd === 0) exit(0)
    }
    const count = inputBuffer.copy(bytes, at, inputStart, inputEnd)
    at += count
    inputStart += count
  }
  return bytes
}

function receive() {
  const head = readExactly(5)
  return { type: head[4], payload: readExactly(head.readUInt32LE(0)) }
}

// Made ahead of the run, which then has only to write it.
const sourceFile = openSync(SOURCE_PATH, 'w')

function writeSource(source) {
  for (let at = 0; at < source.length; ) {
    at += writeSync(sourceFile, source, at, source.length - at, at)
  }
}

/** Whether the program is run from its first line to its last, without a main. */
let isScript = false

/**
 * Loads the user's source: CommonJS as it is, else an ES module, with types taken away where there are
 * some. Returns its main function, of an ES module a promise of it.
 */
function load(source) {
  try {
    return loadCommonJs(source)
  } catch (error) {
    if (!(error instanceof SyntaxError) || compiles(source)) throw error
    const plain = isModule(source) ? source : stripTypes(source)
    if (plain === null) {
      // Told without the line which was added to it.
      vm.compileFunction(source, [], { filename: SOURCE_PATH })
      throw error
    }
    if (plain !== source) refuseIfFound(Buffer.from(plain))
    return plain !== source && compiles(plain) ? loadCommonJs(plain) : loadModule(plain)
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

function loadCommonJs(source) {
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

async function loadModule(source) {
  const main = await importMain(source, SOURCE_PATH)
  return isScript ? null : assertMain(main)
}

function assertMain(main) {
  if (typeof main === 'function') return main
  throw new TypeError('main is not a function: the code must define a function main')
}

/**
 * Has stacks show the program's frames: not the service's, nor those of Node.js that load modules. More
 * frames are taken than shown, so that the program's own are there below those of a library.
 */
function hideOurFrames() {
  const isOf = (site, start) => site.getFileName()?.startsWith(start) ?? false
  const isShown = (site) => !isOf(site, __dirname) && !isOf(site, 'node:internal/modules/')
  const isInternal = (site) => isOf(site, 'node:') || !site.getFileName()
  Error.stackTraceLimit = FRAMES_TAKEN
  Object.defineProperty(Error, 'prepareStackTrace', {
    configurable: true,
    writable: true,
    value(error, trace) {
      let title
      try {
        title = errorToString.call(error)
      } catch {
        title = 'Error'
      }
      let end = trace.length
      if (trace.some((site) => isOf(site, __dirname))) {
        while (end > 0 && (isOf(trace[end - 1], __dirname) || isInternal(trace[end - 1]))) end--
      }
      let sites = trace.slice(0, end).filter(isShown)
      if (Error.stackTraceLimit === FRAMES_TAKEN) {
        sites = sites.filter((site, index) => index < FRAMES_SHOWN || isOf(site, WORKSPACE))
      }
      return [title, ...sites.map((site) => `    at ${site}`)].join('\n')
    },
  })
}

/** The printed form of what was thrown: with the fields of an error, but not pages of them. */
function describe(error) {
  if (!(error instanceof Error)) return `Uncaught ${util.inspect(error)}`
  let text = util.inspect(error)
  if (text.split('\n').length > MAX_ERROR_LINES) text = util.inspect(error, { depth: 0 })
  const lines = text.split('\n')
  if (lines.length > MAX_ERROR_LINES) {
    const more = lines.length - MAX_ERROR_LINES + 1
    text = [...lines.slice(0, MAX_ERROR_LINES - 1), `... ${more} more lines`].join('\n')
  }
  // An error without frames is printed in brackets.
  return text.replace(/^\[([\s\S]*)\]$/, '$1')
}

const NETWORK_CODES = [
  'EAI_AGAIN',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EREFUSED',
  'ETIMEDOUT',
]
const MAX_CAUSES = 16

/** Whether a connection, or a host's name, that could not be had is this error or led to it. */
function cameOfNetwork(error) {
  const waiting = [error]
  for (let count = 0; count < MAX_CAUSES && waiting.length > 0; count++) {
    const current = waiting.pop()
    if (NETWORK_CODES.includes(current?.code)) return true
    if (current?.cause) waiting.push(current.cause)
    if (Array.isArray(current?.errors)) waiting.push(...current.errors)
  }
  return false
}

function fail(error) {
  let text = ''
  let message = ''
  const note = {}
  try {
    if (typeof error?.message === 'string') message = error.message
    note.name = String(error?.name ?? typeof error)
    if (typeof error?.code === 'string') note.code = error.code
    note.network = cameOfNetwork(error)
    text = describe(error)
  } catch {
    text = 'Uncaught exception that cannot be printed'
  }
  try {
    send(FAILURE, Buffer.from(stringify(note)))
  } catch {}
  try {
    writeSync(2, `${text}\n`)
  } catch {}
  try {
    const line = LINE_OF_SOURCE.exec(text)?.[1]
    const told = {
      message: message.slice(0, MAX_MESSAGE_CHARS),
      traceback: text.slice(0, MAX_TRACEBACK_CHARS),
      line: line ? Number(line) : null,
    }
    send(ERROR, Buffer.from(stringify(told)))
  } catch {}
  exit(1)
}

function run(source, argumentsText) {
  try {
    writeSource(source)
    const main = load(source.toString('utf8'))
    const what = 'the program awaits a promise'
    // A script ends when nothing is left for it to do, as any that Node.js is started with.
    if (isScript) main && whenSettled(main, what, () => {})
    else if (typeof main === 'function') hand(main, argumentsText)
    else whenSettled(main, what, (found) => hand(found, argumentsText))
  } catch (error) {
    fail(error)
  }
}

/** Calls main and hands over what it returned. */
function hand(main, argumentsText) {
  const value = main(parse(argumentsText))
  if (isAsyncIterator(value)) whenSettled(collectItems(value), 'main() awaits a promise', returned)
  else if (typeof value?.then !== 'function') returned(value)
  else whenSettled(value, 'main() returned a promise', returned)
}

/** Goes on when a promise is fulfilled; fails when it is rejected, or nothing is left that could settle it. */
function whenSettled(promise, what, goOn) {
  const unsettled = () => {
    fail(new Error(`${what} that can never settle`))
  }
  process.once('beforeExit', unsettled)
  resolve(promise).then((value) => {
    process.removeListener('beforeExit', unsettled)
    try {
      goOn(value)
    } catch (error) {
      fail(error)
    }
  }, fail)
}

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
function lookFresh() {
  process.argv = [process.execPath, SOURCE_PATH]
  process.execArgv = []
  for (const [file, module] of Object.entries(require.cache)) {
    hiddenModules.set(file, module)
    delete require.cache[file]
  }
}

function warmUp(inspectors) {
  for (const inspect of inspectors) {
    inspect(WARM_UP_INSPECTION)
    inspect(Buffer.from(WARM_UP_SOURCE))
  }
  const main = load(WARM_UP_SOURCE)
  main(parse(WARM_UP_ARGUMENTS)).then(resultFrames)
  resultFrames({ odd: new Map([['a', new Set([1n])]]), at: new Date(0), none: undefined })
  writeSource(Buffer.from(WARM_UP_SOURCE))
  ftruncateSync(sourceFile)
  lookFresh()
}

v8.setFlagsFromString('--expose-gc')
const collectGarbage = vm.runInNewContext('gc')
v8.setFlagsFromString('--no-expose-gc')

function usualInspectors() {
  return ['strict', 'balanced'].map((mode) =>
    inspector({ ...usualPolicy, mode, rules: usualPolicy[mode] }),
  )
}

/**
 * Tells the supervisor that a program came to its good end, so that nobody waits for Node.js to take
 * itself down. After the last exit listener; a failed program still has its error to print.
 */
function announceEnd() {
  const emit = process.emit
  Object.defineProperty(process, 'emit', {
    configurable: true,
    writable: true,
    value(event, ...rest) {
      // By the first try to load an ES module, which is then loaded as one.
      if (event === 'warning' && rest[0]?.message?.startsWith(ES_MODULE_WARNING)) return true
      const handled = emit.call(this, event, ...rest)
      if (event === 'exit' && !process.exitCode) {
        writeSync(STATUS_FD, Buffer.from([0]))
        // The supervisor reports as soon as it has read that, and the sandbox is destroyed.
        wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000)
      }
      return handled
    },
  })
}

function answerPing() {
  send(PONG)
  serve()
}

let inspect = null

/** Ends the run unless the code policy, if there is one, lets the source pass. */
function refuseIfFound(source) {
  const findings = inspect ? inspect(source) : null
  if (findings === null) return
  send(REFUSED, Buffer.from(findings).subarray(0, MAX_REFUSED_BYTES))
  exit(0)
}

function serve() {
  let source = Buffer.alloc(0)
  let argumentsText = '{}'
  for (;;) {
    const { type, payload } = receive()
    if (type === POLICY) {
      inspect = inspector(parse(payload.toString('utf8')))
    } else if (type === PING) {
      warmUp(inspect ? [inspect] : [])
      reseed()
      collectGarbage({ type: 'minor' })
      // Two turns of the event loop, for what the engine had put off: in a restored sandbox, whose
      // clock has jumped, all of that is due at once, and would be done in the midst of a run.
      setImmediate(setImmediate, answerPing)
      return
    } else if (type === CODE) {
      source = payload
    } else if (type === ARGUMENTS) {
      argumentsText = payload.toString('utf8')
    } else if (type === MODE) {
      isScript = payload[0] === SCRIPT
    } else if (type === ENV) {
      const [name, ...value] = payload.toString('utf8').split('=')
      process.env[name] = value.join('=')
    } else if (type === ARGV) {
      process.argv.push(payload.toString('utf8'))
    } else if (type === START) {
      refuseIfFound(source)
      run(source, argumentsText)
      return
    }
  }
}

for (const name of process.argv.slice(2)) preload(name)
revealOnRequire()
// Written when the call returns: nothing is lost by process.exit(), nothing piles up in memory.
for (const stream of [process.stdout, process.stderr]) stream._handle.setBlocking(true)
seedNewContexts()
const inspectors = usualInspectors()
for (let round = 0; round < WARM_UP_ROUNDS; round++) warmUp(inspectors)
announceEnd()
hideOurFrames()
// From inside the event loop: its first turn takes milliseconds.
setImmediate(() => {
  send(READY)
  serve()
})
