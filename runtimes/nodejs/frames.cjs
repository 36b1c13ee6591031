/**
 * The runner's side of its two pipes: frames (u32 length, u8 type, payload; little-endian), see
 * src/supervisor/protocol.ts.
 */
'use strict'

// What user code may replace is taken beforehand.
const { writeSync, readSync } = require('node:fs')
const { exit } = process

const INPUT_FD = 198
const CONTROL_FD = 199

/** Frames to the runner. */
const [PING, CODE, ARGUMENTS, START, POLICY, MODE, ENV, ARGV, KEEP] = [1, 2, 3, 4, 5, 6, 7, 8, 9]
/** Frames from the runner. */
const [READY, PONG, RESULT, FAILURE, REFUSED, NOTE, ERROR] = [1, 2, 3, 4, 5, 6, 7]
const [DISPLAY, VALUE, ENDED] = [8, 9, 10]

/** Returns a frame as bytes. */
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

module.exports = {
  ...{ PING, CODE, ARGUMENTS, START, POLICY, MODE, ENV, ARGV, KEEP },
  ...{ READY, PONG, RESULT, FAILURE, REFUSED, NOTE, ERROR, DISPLAY, VALUE, ENDED },
  INPUT_FD,
  frameOf,
  receive,
  send,
  sendBytes,
}
