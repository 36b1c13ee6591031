/**
 * Makes JSON of what `main` returned, whatever it is.
 *
 * Plain values go straight through `JSON.stringify`. For the rest there is a fixed table
 * (docs/results.md). What has no row there never ends the run: its description stands in its place, and
 * a note says where.
 */
'use strict'

const util = require('node:util')

// What user code may replace is taken beforehand.
const { stringify } = JSON
const { isArray } = Array
const { create, getPrototypeOf, keys, prototype: objectPrototype } = Object
const { isSafeInteger, isFinite: isFiniteNumber } = Number
const { types, inspect } = util
const iteratorOf = Symbol.iterator
const asyncIteratorOf = Symbol.asyncIterator

// Deeper, and the manager refuses it: JSON readers of clients end at a depth like this.
const MAX_DEPTH = 490
const MAX_DESCRIPTION = 1000
// An iterator without end is cut here.
const MAX_ITEMS = 1_000_000
const MAX_NOTED = 3
const MAX_PATH = 200

/**
 * JSON text of a result, and a note on what of it could not be told as it is, or null.
 */
function resultJson(value) {
  if (looksPlain(value)) return { json: stringify(value), note: null }
  const conversion = new Conversion()
  return { json: stringify(conversion.plain(value, '', 0)), note: conversion.note() }
}

function looksPlain(value) {
  try {
    return isPlain(value, 0)
  } catch {
    // A getter that throws.
    return false
  }
}

/** Whether JSON.stringify tells all of it: it leaves out or empties what is not plain. */
function isPlain(value, depth) {
  switch (typeof value) {
    case 'string':
    case 'boolean':
    case 'number':
      return true
    case 'object':
      break
    default:
      return false
  }
  if (value === null) return true
  if (depth > MAX_DEPTH) return false
  if (isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      if (!isPlain(value[index], depth + 1)) return false
    }
    return true
  }
  const prototype = getPrototypeOf(value)
  if ((prototype !== objectPrototype && prototype !== null) || 'toJSON' in value) return false
  for (const key of keys(value)) if (!isPlain(value[key], depth + 1)) return false
  return true
}

class Conversion {
  #open = new Set()
  #noted = []
  #count = 0

  note() {
    if (this.#count === 0) return null
    const more = this.#count - this.#noted.length
    return `${this.#noted.join('; ')}${more > 0 ? ` (and ${more} more)` : ''}.`
  }

  #notePlace(path, why) {
    this.#count++
    if (this.#noted.length === MAX_NOTED) return
    const place = path.length > MAX_PATH ? `${path.slice(0, MAX_PATH)}…` : path
    this.#noted.push(`result${place}: ${why}`)
  }

  #describe(value, path, why) {
    this.#notePlace(path, why)
    let text
    try {
      text =
        typeof value === 'object'
          ? inspect(value, { depth: 1, breakLength: Infinity })
          : String(value)
    } catch {
      text = `[${typeof value}]`
    }
    return text.length > MAX_DESCRIPTION ? `${text.slice(0, MAX_DESCRIPTION)}…` : text
  }

  /** The value made of what JSON has; never throws for what the value is. */
  plain(value, path, depth) {
    switch (typeof value) {
      case 'string':
      case 'boolean':
        return value
      case 'number':
        return isFiniteNumber(value) ? value : null
      case 'bigint':
        return isSafeInteger(Number(value)) ? Number(value) : String(value)
      case 'object':
        break
      default:
        return null
    }
    if (value === null) return null
    if (depth > MAX_DEPTH) {
      return this.#describe(value, path, `nested more than ${MAX_DEPTH} deep, described in words`)
    }
    if (this.#open.has(value)) {
      return this.#describe(value, path, 'refers to what it is part of, described in words')
    }
    this.#open.add(value)
    try {
      return this.#object(value, path, depth)
    } catch (error) {
      const why = `could not be read (${errorName(error)}), described in words`
      return this.#describe(value, path, why)
    } finally {
      this.#open.delete(value)
    }
  }

  #object(value, path, depth) {
    if (isArray(value)) return this.#list(value, path, depth)
    if (types.isMap(value)) return this.#map(value, path, depth)
    if (types.isSet(value)) return this.#list(value, path, depth)
    if (types.isDate(value)) return isFiniteNumber(+value) ? value.toISOString() : null
    if (types.isTypedArray(value)) return this.#list(value, path, depth)
    if (types.isAnyArrayBuffer(value)) return this.#list(new Uint8Array(value), path, depth)
    if (types.isDataView(value)) {
      const { buffer, byteOffset, byteLength } = value
      return this.#list(new Uint8Array(buffer, byteOffset, byteLength), path, depth)
    }
    if (types.isNativeError(value) || value instanceof Error) return this.#error(value, path, depth)
    if (types.isBoxedPrimitive(value)) return this.plain(value.valueOf(), path, depth + 1)
    if (types.isRegExp(value)) return String(value)
    if (types.isPromise(value)) {
      return this.#describe(value, path, 'a promise that nobody awaited, described in words')
    }
    if (types.isWeakMap(value) || types.isWeakSet(value)) {
      return this.#describe(value, path, 'its items cannot be listed, described in words')
    }
    if (typeof value.toJSON === 'function') return this.plain(value.toJSON(), path, depth + 1)
    if (typeof value[iteratorOf] === 'function') return this.#list(value, path, depth)
    return this.#members(value, keys(value), path, depth)
  }

  #list(items, path, depth) {
    const plain = []
    for (const item of items) {
      if (plain.length === MAX_ITEMS && !isArray(items)) {
        this.#notePlace(path, `cut after ${MAX_ITEMS} items`)
        break
      }
      plain.push(this.plain(item, `${path}[${plain.length}]`, depth + 1))
    }
    return plain
  }

  #map(map, path, depth) {
    for (const key of map.keys()) {
      if (typeof key !== 'string') return this.#list(map, path, depth)
    }
    const members = create(null)
    for (const [key, item] of map) members[key] = this.plain(item, `${path}.${key}`, depth + 1)
    return members
  }

  #error(error, path, depth) {
    const own = this.#members(error, keys(error), path, depth)
    const members = { name: errorName(error), message: String(error.message), ...own }
    for (const key of ['cause', 'errors']) {
      if (error[key] !== undefined && !(key in members)) {
        members[key] = this.plain(error[key], `${path}.${key}`, depth + 1)
      }
    }
    return members
  }

  #members(object, names, path, depth) {
    const members = create(null)
    for (const name of names) {
      const memberPath = `${path}.${name}`
      try {
        members[name] = this.plain(object[name], memberPath, depth + 1)
      } catch (error) {
        members[name] = null
        this.#notePlace(memberPath, `could not be read (${errorName(error)})`)
      }
    }
    return members
  }
}

function errorName(error) {
  try {
    return String(error.name ?? typeof error)
  } catch {
    return 'Error'
  }
}

function isAsyncIterator(value) {
  return typeof value === 'object' && value !== null && typeof value[asyncIteratorOf] === 'function'
}

/** What an asynchronous iterator gives, as a list. */
async function collectItems(iterator) {
  const items = []
  for await (const item of iterator) {
    items.push(item)
    if (items.length === MAX_ITEMS) break
  }
  return items
}

module.exports = { collectItems, isAsyncIterator, resultJson }
