/**
 * How a program ends: it hands over its result or its error, and what it left running gets some time. Of several
 * runs, one in which another may follow is a kept run: its end does not end the process.
 */
'use strict'

const { writeSync } = require('node:fs')
const { cameOfNetwork, describe } = require('./errors.cjs')
const { ENDED, ERROR, FAILURE, NOTE, RESULT, frameOf, send, sendBytes } = require('./frames.cjs')
const { SOURCE_PATH } = require('./load.cjs')
const { resultJson } = require('./results.cjs')

const STATUS_FD = 200
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

// What user code may replace is taken beforehand.
const { stringify } = JSON
const { exit } = process
const startTimer = setTimeout
const { wait } = Atomics
const resolve = Promise.resolve.bind(Promise)

/** Warnings about what the runner does: the first try to load an ES module, import() in a cell. */
const OUR_WARNINGS = [
  `Failed to load the ES module: ${SOURCE_PATH}`,
  'vm.USE_MAIN_CONTEXT_DEFAULT_LOADER',
]

/** The kept run that goes on, an object of its own; null: none does. */
let keptRun = null
/** Whether there has been one: then no error of a program ends the process. */
let isKeeping = false
/** The file that the lines of the program belong to. */
let linesPath = SOURCE_PATH
/** Called when a kept run has ended. */
let goOn

/**
 * Begins a kept run.
 * @param whenEnded called in a later turn of the event loop
 */
function keep(whenEnded) {
  if (!isKeeping)
    process.on('SIGINT', () => keptRun && fail(new Error('The program was interrupted.')))
  isKeeping = true
  keptRun = {}
  goOn = whenEnded
}

/** Returns the kept run that goes on; null when none does. */
function currentRun() {
  return keptRun
}

/** Tells which file the lines of the program belong to. */
function setLinesPath(path) {
  linesPath = path
}

/** Tells that a kept run has ended. Not every reader of that reads STATUS_FD. */
function handBack(run, code) {
  if (run === null || keptRun !== run) return
  keptRun = null
  linesPath = SOURCE_PATH
  send(ENDED, Buffer.from([code]))
  try {
    writeSync(STATUS_FD, Buffer.from([code]))
  } catch {}
  setImmediate(goOn)
}

/** Tells that the program has its result; passes bytes on as if they were sent. */
function sendReturned(control = Buffer.alloc(0)) {
  const word = Buffer.allocUnsafe(7 + control.length)
  word.write(RETURNED_MARK, 'latin1')
  word.writeUInt16LE(control.length, 5)
  control.copy(word, 7)
  writeSync(STATUS_FD, word)
}

/** Returns the frames that hand a result over: a NOTE comes first if something is to be said of it. */
function resultFrames(value) {
  const { json, note } = resultJson(value)
  const result = frameOf(RESULT, Buffer.from(json, 'utf8'))
  if (note === null) return result
  return Buffer.concat([frameOf(NOTE, Buffer.from(note).subarray(0, MAX_NOTE_BYTES)), result])
}

/**
 * Hands over what main returned. Timers, sockets and workers that the program left get some time to
 * end, then it exits as by process.exit(). The supervisor ends what blocks the event loop.
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
    // The program has closed it: its own end then tells the code.
    if (isSmall) sendBytes(frames)
  }
  startTimer(exit, LEFTOVER_MS).unref()
}

/** Tells and prints the error that a program failed with, and ends the run. */
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
    const line = new RegExp(`${linesPath}:(\\d+)`).exec(text)?.[1]
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

/** Goes on when a promise is fulfilled; fails when it is rejected, or nothing is left that could settle it. */
function whenSettled(promise, what, then) {
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
      then(value)
    } catch (error) {
      fail(error)
    }
  }, failed)
}

/**
 * Tells the supervisor that a program came to its good end, so that nobody waits for Node.js to take
 * itself down. It does so after the last exit listener; a failed program still has its error to print. What a
 * program does not catch outside of main is told as what main throws.
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
        // The supervisor reports as soon as it has read that, and the manager destroys the sandbox.
        wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000)
      }
      return handled
    },
  })
}

/** Tells whether an event that nobody listened to ends the program. */
function isFatal(event) {
  if (event === 'uncaughtException') return true
  return (
    event === 'unhandledRejection' &&
    process.listenerCount('uncaughtException') === 0 &&
    !process.hasUncaughtExceptionCaptureCallback()
  )
}

module.exports = {
  announceEnd,
  currentRun,
  fail,
  handBack,
  keep,
  resultFrames,
  returned,
  setLinesPath,
  whenSettled,
}
