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

const STATUS_FD = 200
const [PING, CODE, ARGUMENTS, START, POLICY, MODE, ENV, ARGV, KEEP] = [1, 2, 3, 4, 5, 6, 7, 8, 9]
const [FUNCTION, SCRIPT, CELL] = [0, 1, 2]
const [READY, PONG, RESULT, FAILURE, REFUSED, NOTE, ERROR] = [1, 2, 3, 4, 5, 6, 7]
const [DISPLAY, VALUE, ENDED] = [8, 9, 10]
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

const inspector = require('./policy.cjs')
const { readArguments } = require('./arguments.cjs')
const { cameOfNetwork, describe, hideOurFrames } = require('./errors.cjs')
const { frameOf, receive, send, sendBytes } = require('./frames.cjs')
const { lookFresh, preload, revealOnRequire } = require('./hidden-modules.cjs')
const { load, SOURCE_PATH } = require('./load.cjs')
const { showProcessors } = require('./processors.cjs')
const { reseed, seedNewContexts } = require('./randomness.cjs')
const { collectItems, isAsyncIterator, resultJson } = require('./results.cjs')
const { WARM_UP_ARGUMENTS, WARM_UP_INSPECTION, WARM_UP_SOURCE } = require('./warm-up.cjs')
const usualPolicy = require('./policy.json')

// What user code may replace is taken beforehand.
const { writeSync, openSync, ftruncateSync } = fs
const { parse, stringify } = JSON
const { exit } = process
const startTimer = setTimeout
const { wait } = Atomics
const resolve = Promise.resolve.bind(Promise)

/** Warnings about what the runner does: the first try to load an ES module, import() in a cell. */
const OUR_WARNINGS = [
  `Failed to load the ES module: ${SOURCE_PATH}`,
  'vm.USE_MAIN_CONTEXT_DEFAULT_LOADER',
]
// As often as it takes until V8 has compiled the runner's functions for good.
const WARM_UP_ROUNDS = 10

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
  if (keptRun) {
    sendBytes(frames)
    handBack(keptRun, 0)
    return
  }
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

// Made ahead of the run, which then has only to write it.
const sourceFile = openSync(SOURCE_PATH, 'w')

function writeSource(source) {
  for (let at = 0; at < source.length; ) {
    at += writeSync(sourceFile, source, at, source.length - at, at)
  }
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
    const line = new RegExp(`${mode === CELL ? sourcePath : SOURCE_PATH}:(\\d+)`).exec(text)?.[1]
    const told = {
      message: message.slice(0, MAX_MESSAGE_CHARS),
      traceback: text.slice(0, MAX_TRACEBACK_CHARS),
      line: line ? Number(line) : null,
    }
    send(ERROR, Buffer.from(stringify(told)))
  } catch {}
  if (isKeeping) handBack(keptRun, 1)
  else exit(1)
}

/** The run under way after which others come; null: there is none. */
let keptRun = null
let keptRuns = 0
/** Whether there has been one: then no error of a program ends the process. */
let isKeeping = false
/** What the lines of the program belong to. */
let sourcePath = SOURCE_PATH

/** Begins a run after which others come. */
function keep() {
  if (!isKeeping)
    process.on('SIGINT', () => keptRun && fail(new Error('The program was interrupted.')))
  isKeeping = true
  keptRun = {}
  sourcePath = `/workspace/cell-${++keptRuns}.js`
  process.argv.length = 2
  ftruncateSync(sourceFile)
}

/** Tells that a program has ended after which others come. Not all who hear it read STATUS_FD. */
function handBack(run, code) {
  if (run === null || keptRun !== run) return
  keptRun = null
  mode = FUNCTION
  send(ENDED, Buffer.from([code]))
  try {
    writeSync(STATUS_FD, Buffer.from([code]))
  } catch {}
  setImmediate(serve)
}

let mode = FUNCTION

function run(source, argumentsText) {
  const started = keptRun
  const ended = () => handBack(started, 0)
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
  return require('./cells.cjs').runCell(source, sourcePath, {
    isInterruptible: keptRun !== null,
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

/** Goes on when a promise is fulfilled; fails when it is rejected, or nothing is left that could settle it. */
function whenSettled(promise, what, goOn) {
  const started = keptRun
  const unsettled = () => {
    if (started === keptRun) fail(new Error(`${what} that can never settle`))
  }
  process.once('beforeExit', unsettled)
  const failed = (error) => {
    process.removeListener('beforeExit', unsettled)
    if (started === keptRun) fail(error)
  }
  resolve(promise).then((value) => {
    process.removeListener('beforeExit', unsettled)
    if (started !== keptRun) return
    try {
      goOn(value)
    } catch (error) {
      fail(error)
    }
  }, failed)
}

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

function usualInspectors() {
  return ['strict', 'balanced'].map((mode) =>
    inspector({ ...usualPolicy, mode, rules: usualPolicy[mode] }),
  )
}

/**
 * Tells the supervisor that a program came to its good end, so that nobody waits for Node.js to take
 * itself down. After the last exit listener; a failed program still has its error to print. What a program
 * does not catch outside of main is told as what main throws.
 */
function announceEnd() {
  const emit = process.emit
  Object.defineProperty(process, 'emit', {
    configurable: true,
    writable: true,
    value(event, ...rest) {
      const isOurs = (start) => rest[0]?.message?.startsWith(start)
      if (event === 'warning' && OUR_WARNINGS.some(isOurs)) return true
      const handled = emit.call(this, event, ...rest)
      if (!handled && isFatal(event)) {
        fail(rest[0])
        return isKeeping
      }
      if (event === 'exit' && !process.exitCode && !isKeeping) {
        writeSync(STATUS_FD, Buffer.from([0]))
        // The supervisor reports as soon as it has read that, and the sandbox is destroyed.
        wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000)
      }
      return handled
    },
  })
}

/** Whether an event that nobody listened to ends the program. */
function isFatal(event) {
  if (event === 'uncaughtException') return true
  return (
    event === 'unhandledRejection' &&
    process.listenerCount('uncaughtException') === 0 &&
    !process.hasUncaughtExceptionCaptureCallback()
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
  if (!keptRun) exit(0)
  handBack(keptRun, 0)
  throw REFUSAL
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
announceEnd()
hideOurFrames()
// From inside the event loop: its first turn takes milliseconds.
setImmediate(() => {
  send(READY)
  serve()
})
