/** What a program's errors look like: its own lines, no pages of insides, nothing of the runner's. */
'use strict'

const util = require('node:util')

// What user code may replace is taken beforehand.
const { toString: errorToString } = Error.prototype

const WORKSPACE = '/workspace'
const MAX_ERROR_LINES = 25
const FRAMES_TAKEN = 50
const FRAMES_SHOWN = 10

/**
 * Has stacks show the program's frames: not the service's, nor those of Node.js that load modules. More
 * frames are taken than shown, so that the program's own are there below those of a library.
 * @param folder that the program's files are in
 */
function hideOurFrames(folder = WORKSPACE) {
  const isOf = (site, start) => site.getFileName()?.startsWith(start) ?? false
  const isShown = (site) => !isOf(site, __dirname) && !isOf(site, 'node:internal/modules/')
  const isInternal = (site) => isOf(site, 'node:') || !site.getFileName()
  const isUsers = (site) => isOf(site, folder) || isOf(site, `file://${folder}`)
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
      if (trace.some((site) => isOf(site, __dirname) || isUsers(site))) {
        while (end > 0 && (isOf(trace[end - 1], __dirname) || isInternal(trace[end - 1]))) end--
      }
      let sites = trace.slice(0, end).filter(isShown)
      if (Error.stackTraceLimit === FRAMES_TAKEN) {
        sites = sites.filter((site, index) => index < FRAMES_SHOWN || isUsers(site))
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
  return text.replace(/^\[([\s\S]*)\]$/, '$1').replace(/^\[(.*)\](?= \{$)/m, '$1')
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

module.exports = { cameOfNetwork, describe, hideOurFrames }
