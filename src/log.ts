import { constants, fstatSync, openSync, writeSync } from 'node:fs'
import { Socket } from 'node:net'
import { type DestinationStream, type Logger, pino } from 'pino'

/** Log bytes that are buffered while the output cannot be written. Lines beyond that are dropped. */
const MOST_WAITING_BYTES = 1024 ** 2

export interface Log {
  readonly logger: Logger
  /** Writes one line of plain text, under the same rule: it never waits. */
  line(text: string): void
}

let lostLines = 0

/** Lines of the log that this process could not write. */
export function lostLogLines(): number {
  return lostLines
}

/**
 * Opens the log on a descriptor. It never blocks: a reader that stops reading (a paused journald, a stuck `docker
 * logs`) stops only the log. Lines that find no room are dropped and counted, and a line tells their number as soon
 * as lines can be written again. A write that fails (disk full, no reader) loses its line.
 */
export function openLog(level: string, fd = 1): Log {
  let untold = 0
  const output = openOutput(fd)
  const tell = () => {
    if (untold > 0 && output.hasRoom() && output.write(lostLine(untold))) untold = 0
  }
  const write = (line: string) => {
    tell()
    if (untold === 0 && output.write(line)) return
    lostLines++
    untold++
  }
  output.onRoom = tell
  const logger = pino({ level }, { write } as DestinationStream)
  return { logger, line: (text) => write(`${text}\n`) }
}

function lostLine(count: number): string {
  const level = pino.levels.values.warn
  return `${JSON.stringify({ level, time: Date.now(), lost: count, msg: 'log lines were lost: nobody read them' })}\n`
}

interface Output {
  /** @returns whether the line was taken */
  write(line: string): boolean
  /** Whether lines go through again after some were lost. */
  hasRoom(): boolean
  /** Called when what waited has been read. */
  onRoom: () => void
}

function openOutput(fd: number): Output {
  const kind = fstatSync(fd)
  if (kind.isFIFO() || kind.isSocket()) return streamOutput(kind.isFIFO() ? ownDescriptor(fd) : fd)
  return directOutput(kind.isCharacterDevice() ? ownDescriptor(fd) : fd)
}

/**
 * A descriptor of our own for the same pipe or terminal, so that making it non-blocking changes nothing
 * for other processes that write there: the flag belongs to the open file description, see fcntl(2).
 */
function ownDescriptor(fd: number): number {
  try {
    return openSync(
      `/proc/self/fd/${fd}`,
      constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY,
    )
  } catch {
    return fd
  }
}

/** Pipes and sockets: libuv writes what fits at once and the rest when the reader goes on. */
function streamOutput(fd: number): Output {
  const socket = new Socket({ fd, readable: false, writable: true })
  const output: Output = {
    write: (line) => {
      if (socket.destroyed || socket.writableLength + line.length > MOST_WAITING_BYTES) return false
      socket.write(line)
      return true
    },
    hasRoom: () => socket.writableLength < MOST_WAITING_BYTES / 2,
    onRoom: () => {},
  }
  socket.on('error', () => {})
  socket.on('drain', () => output.onRoom())
  // The log keeps no process alive.
  socket.unref()
  return output
}

/** Files, and terminals, which take a line or say EAGAIN. */
function directOutput(fd: number): Output {
  return {
    write: (line) => {
      try {
        return writeSync(fd, line) > 0
      } catch {
        return false
      }
    },
    hasRoom: () => true,
    onRoom: () => {},
  }
}
