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
const v8 = require('node:v8')
const vm = require('node:vm')

const [FUNCTION, SCRIPT, CELL] = [0, 1, 2]
const MAX_REFUSED_BYTES = 32 * 1024

const inspector = require('./policy.cjs')
const { readArguments } = require('./arguments.cjs')
const ending = require('./ending.cjs')
const { hideOurFrames } = require('./errors.cjs')
const frames = require('./frames.cjs')
const { lookFresh, preload, revealOnRequire } = require('./hidden-modules.cjs')
const { load, SOURCE_PATH } = require('./load.cjs')
const { showProcessors } = require('./processors.cjs')
const { reseed, seedNewContexts } = require('./randomness.cjs')
const { collectItems, isAsyncIterator } = require('./results.cjs')
const { WARM_UP_ARGUMENTS, WARM_UP_INSPECTION, WARM_UP_SOURCE } = require('./warm-up.cjs')
const usualPolicy = require('./policy.json')

const { PING, CODE, ARGUMENTS, START, POLICY, MODE, ENV, ARGV, KEEP } = frames
const { READY, PONG, REFUSED, DISPLAY, VALUE, receive, send } = frames
const { currentRun, fail, handBack, resultFrames, returned, whenSettled } = ending

// What user code may replace is taken beforehand.
const { writeSync, openSync, ftruncateSync } = fs
const { parse } = JSON
const { exit } = process

// As often as it takes until V8 has compiled the runner's functions for good.
const WARM_UP_ROUNDS = 10

// Made ahead of the run, which then has only to write it.
const sourceFile = openSync(SOURCE_PATH, 'w')

/** Writes the file of the program's source. */
function writeSource(source) {
  for (let at = 0; at < source.length; ) {
    at += writeSync(sourceFile, source, at, source.length - at, at)
  }
}

let keptRuns = 0
/** The file that the lines of a cell belong to. */
let cellPath = SOURCE_PATH

/** Begins a run after which others come. */
function keep() {
  ending.keep(() => {
    mode = FUNCTION
    serve()
  })
  cellPath = `/workspace/cell-${++keptRuns}.js`
  process.argv.length = 2
  ftruncateSync(sourceFile)
}

let mode = FUNCTION

/** Runs a program. */
function run(source, argumentsText) {
  const started = currentRun()
  const ended = () => handBack(started, 0)
  ending.setLinesPath(mode === CELL ? cellPath : SOURCE_PATH)
  try {
    refuseIfFound(source)
    writeSource(source)
    const what = 'the program awaits a promise'
    if (mode === CELL) {
      const awaited = runCell(source.toString('utf8'))
      if (awaited) whenSettled(awaited, what, ended)
      else ended()
      return
    }
    // From its first line to its last, without a main.
    const isScript = mode === SCRIPT
    const main = load(source.toString('utf8'), isScript, refuseIfFound)
    // A script ends when nothing is left for it to do, as any that Node.js is started with.
    if (isScript) main ? whenSettled(main, what, ended) : ended()
    else if (typeof main === 'function') hand(main, argumentsText)
    else whenSettled(main, what, (found) => hand(found, argumentsText))
  } catch (error) {
    if (error !== REFUSAL) fail(error)
  }
}

/** Runs a cell, by what is loaded with the first of them. */
function runCell(source) {
  return require('./cells.cjs').runCell(source, cellPath, {
    isInterruptible: currentRun() !== null,
    showDisplay: (json) => send(DISPLAY, Buffer.from(json)),
    showValue: (json) => send(VALUE, Buffer.from(json)),
    refuseIfFound,
  })
}

/** Calls main and hands over what it returned. */
function hand(main, argumentsText) {
  const value = main(readArguments(argumentsText))
  if (isAsyncIterator(value)) whenSettled(collectItems(value), 'main() awaits a promise', returned)
  else if (typeof value?.then !== 'function') returned(value)
  else whenSettled(value, 'main() returned a promise', returned)
}

/** Runs programs of our own, so that the memory and the compiled code of a run are present. */
function warmUp(inspectors) {
  for (const inspect of inspectors) {
    inspect(WARM_UP_INSPECTION)
    inspect(Buffer.from(WARM_UP_SOURCE))
  }
  const main = load(WARM_UP_SOURCE, false, refuseIfFound)
  main(readArguments(WARM_UP_ARGUMENTS)).then(resultFrames)
  resultFrames({ odd: new Map([['a', new Set([1n])]]), at: new Date(0), none: undefined })
  writeSource(Buffer.from(WARM_UP_SOURCE))
  ftruncateSync(sourceFile)
  lookFresh(SOURCE_PATH)
}

v8.setFlagsFromString('--expose-gc')
const collectGarbage = vm.runInNewContext('gc')
v8.setFlagsFromString('--no-expose-gc')

/** Returns what applies each of the usual code policies. */
function usualInspectors() {
  return ['strict', 'balanced'].map((mode) =>
    inspector({ ...usualPolicy, mode, rules: usualPolicy[mode] }),
  )
}

function answerPing() {
  send(PONG)
  serve()
}

let inspect = null

/** Thrown where a program is refused after which others come. */
const REFUSAL = new Error('The code policy refused the program.')

/** Ends the run unless the code policy, if there is one, lets the source pass. */
function refuseIfFound(source) {
  const findings = inspect ? inspect(source) : null
  if (findings === null) return
  send(REFUSED, Buffer.from(findings).subarray(0, MAX_REFUSED_BYTES))
  if (!currentRun()) exit(0)
  handBack(currentRun(), 0)
  throw REFUSAL
}

/** Takes what the manager says, until it starts a run. */
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
      mode = payload[0]
    } else if (type === KEEP) {
      keep()
    } else if (type === ENV) {
      const [name, ...value] = payload.toString('utf8').split('=')
      process.env[name] = value.join('=')
    } else if (type === ARGV) {
      process.argv.push(payload.toString('utf8'))
    } else if (type === START) {
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
showProcessors()
const inspectors = usualInspectors()
for (let round = 0; round < WARM_UP_ROUNDS; round++) warmUp(inspectors)
ending.announceEnd()
hideOurFrames()
// From inside the event loop: its first turn takes milliseconds.
setImmediate(() => {
  send(READY)
  serve()
})
