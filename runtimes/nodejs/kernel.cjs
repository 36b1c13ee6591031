/**
 * The Node.js kernel of a session: runs one program after the other in one context, and lets what they started go on
 * between them.
 *
 * Started by the session's supervisor as `node kernel.cjs`. Speaks frames (u32 length, u8 type, payload;
 * little-endian) on two pipes of its own. The other side is src/supervisor/kernel-protocol.ts.
 */
'use strict'

const { Socket } = require('node:net')
const { describe, cameOfNetwork, hideOurFrames } = require('./errors.cjs')
const frames = require('./frames.cjs')
const { readArguments } = require('./arguments.cjs')
const { showProcessors } = require('./processors.cjs')
const { dropDrawn, reseed, seedNewContexts } = require('./randomness.cjs')
const { collectItems, isAsyncIterator, resultJson } = require('./results.cjs')
const { runCell } = require('./cells.cjs')
const { answer } = require('./questions.cjs')

const { CODE, ARGUMENTS, START, MODE, ARGV, INPUT_FD, frameOf, send, sendBytes } = frames
const { READY, RESULT, FAILURE, NOTE, ERROR, DISPLAY, VALUE, ENDED } = frames
const [ENV, RESEED, NAME, TELL, SET] = [7, 11, 12, 13, 14]
const ERRORS_ALONE = 1
const [FUNCTION, , CELL, ASK] = [0, 1, 2, 3]
const MAX_NOTE_BYTES = 2048
const MAX_TRACEBACK_CHARS = 4000
const MAX_MESSAGE_CHARS = 1000
// Of an error that is not printed.
const [MAX_TOLD_TRACEBACK_CHARS, MAX_TOLD_MESSAGE_CHARS] = [20_000, 150_000]

// What user code may replace is taken beforehand.
const { stringify } = JSON
const { stderr } = process
const folder = process.cwd()

/** The program that runs; null: there is none. */
let running = null
let next = fresh()

function fresh() {
  return {
    source: Buffer.alloc(0),
    argumentsText: '{}',
    mode: CELL,
    name: 'cell',
    argv: [],
    variables: [],
    tells: 0,
  }
}

/** Sets variables of the environment; those that are undefined are taken away. */
function setVariables(variables) {
  for (const [name, value] of variables) {
    try {
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    } catch {}
  }
}

/** Hands back; nothing where the program has been ended already. */
function end(run, code) {
  if (running !== run) return
  running = null
  setVariables(run.before)
  const ended = frameOf(ENDED, Buffer.concat([run.token, Buffer.from([code])]))
  sendBytes(Buffer.concat([...run.value, ended]))
}

function fail(run, error) {
  if (running !== run) return
  let text = 'Uncaught exception that cannot be printed'
  const note = {}
  let message = ''
  try {
    if (typeof error?.message === 'string') message = error.message
    note.name = String(error?.name ?? typeof error)
    if (typeof error?.code === 'string') note.code = error.code
    note.network = cameOfNetwork(error)
    text = describe(error)
  } catch {}
  send(FAILURE, Buffer.from(stringify(note)))
  try {
    if (!(run.tells & ERRORS_ALONE)) stderr.write(`${text}\n`)
  } catch {}
  const line = text.includes(`${run.path}:`) && text.split(`${run.path}:`)[1].match(/^\d+/)?.[0]
  const isAlone = (run.tells & ERRORS_ALONE) !== 0
  const told = {
    message: message.slice(0, isAlone ? MAX_TOLD_MESSAGE_CHARS : MAX_MESSAGE_CHARS),
    traceback: text.slice(0, isAlone ? MAX_TOLD_TRACEBACK_CHARS : MAX_TRACEBACK_CHARS),
    line: line ? Number(line) : null,
  }
  send(ERROR, Buffer.from(stringify(told)))
  end(run, 1)
}

function start({ source, argumentsText, mode, name, argv, variables, tells }, token) {
  const path = `${folder}/${name.replace(' ', '-')}.js`
  const before = variables.map(([variable]) => [variable, process.env[variable]])
  // Its value goes with its end, which mostly comes next: each frame by itself wakes the manager.
  const run = { token: Buffer.from(token), path, before, tells, value: [] }
  running = run
  if (mode === ASK) return tellAnswer(run, source)
  setVariables(variables)
  process.argv = [process.execPath, run.path, ...argv]
  // What nobody takes any more is told as text.
  const print = (json) => process.stdout.write(`${JSON.parse(json)['text/plain'] ?? json}\n`)
  const showValue = (json) => {
    if (running === run) run.value.push(frameOf(VALUE, Buffer.from(json)))
    else print(json)
  }
  const isCell = mode === CELL
  const done = () => (mode === FUNCTION ? callMain(run, argumentsText) : end(run, 0))
  try {
    const awaited = runCell(source.toString('utf8'), run.path, {
      isInterruptible: true,
      showDisplay: (json) => (running ? send(DISPLAY, Buffer.from(json)) : print(json)),
      showValue: isCell ? showValue : () => {},
      refuseIfFound: () => {},
    })
    if (awaited) awaited.then(done).catch((error) => fail(run, error))
    else done()
  } catch (error) {
    fail(run, error)
  }
}

function tellAnswer(run, question) {
  let text = 'null'
  try {
    text = answer(question.toString('utf8'))
  } catch {}
  send(RESULT, Buffer.from(text))
  end(run, 0)
}

function callMain(run, argumentsText) {
  const { main } = globalThis
  if (typeof main !== 'function') {
    throw new TypeError('main is not a function: the code must define a function main')
  }
  const hand = (value) => {
    if (running !== run) return
    const { json, note } = resultJson(value)
    if (note !== null) send(NOTE, Buffer.from(note).subarray(0, MAX_NOTE_BYTES))
    send(RESULT, Buffer.from(json))
    end(run, 0)
  }
  const value = main(readArguments(argumentsText))
  const items = isAsyncIterator(value) ? collectItems(value) : value
  if (typeof items?.then !== 'function') hand(items)
  else
    Promise.resolve(items)
      .then(hand)
      .catch((error) => fail(run, error))
}

function assignmentOf(text) {
  const end = text.indexOf('=')
  return [text.slice(0, end), text.slice(end + 1)]
}

function take(type, payload) {
  if (type === CODE) next.source = payload
  else if (type === ARGUMENTS) next.argumentsText = payload.toString()
  else if (type === MODE) next.mode = payload[0]
  else if (type === ARGV) next.argv.push(payload.toString())
  else if (type === ENV) next.variables.push(assignmentOf(payload.toString()))
  else if (type === SET) setVariables([assignmentOf(payload.toString())])
  else if (type === TELL) next.tells = payload[0]
  else if (type === NAME) next.name = payload.toString()
  else if (type === RESEED) {
    reseed()
    dropDrawn()
  } else if (type === START) {
    const program = next
    next = fresh()
    start(program, payload)
  }
}

/** Takes frames as they come: between programs, timers and servers of theirs go on. */
function listen() {
  let bytes = Buffer.alloc(0)
  const socket = new Socket({ fd: INPUT_FD, readable: true, writable: false })
  socket.on('data', (chunk) => {
    bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk])
    while (bytes.length >= 5) {
      const end = 5 + bytes.readUInt32LE(0)
      if (bytes.length < end) return
      const [type, payload] = [bytes[4], bytes.subarray(5, end)]
      bytes = bytes.subarray(end)
      take(type, payload)
    }
  })
  socket.on('close', () => process.exit(0))
}

for (const stream of [process.stdout, process.stderr]) stream._handle?.setBlocking?.(true)
seedNewContexts()
showProcessors()
hideOurFrames(folder)
const told = (error) => {
  if (running) fail(running, error)
  else stderr.write(`${describe(error)}\n`)
}
process.on('uncaughtException', told)
process.on('SIGINT', () => {
  if (running) fail(running, new Error('The program was interrupted.'))
})
listen()
setImmediate(() => send(READY))
