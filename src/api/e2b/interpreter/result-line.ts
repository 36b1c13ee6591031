import { jsonEntries } from '../../../lib/json-members.ts'
import { isJson } from '../../../lib/json-text.ts'
import type { MimeBundle } from '../../../run/types.ts'

/** What E2B calls the forms of a value, by media type. */
const NAMES: ReadonlyMap<string, string> = new Map([
  ['text/plain', 'text'],
  ['text/html', 'html'],
  ['text/markdown', 'markdown'],
  ['image/svg+xml', 'svg'],
  ['image/png', 'png'],
  ['image/jpeg', 'jpeg'],
  ['application/pdf', 'pdf'],
  ['text/latex', 'latex'],
  ['application/json', 'json'],
  ['application/javascript', 'javascript'],
])
/** Forms that come as JSON text in a string, so that 1.0 does not become 1: clients tell the two apart. */
const TEXTS: ReadonlyMap<string, string> = new Map([
  ['e2b/data', 'data'],
  ['e2b/chart', 'chart'],
])
/** Deeper, and clients' JSON readers may fail on the whole line. */
const MOST_DEPTH = 100

/** Returns the line of what a cell displayed. */
export function displayLine(bundle: MimeBundle): string {
  const forms = Object.entries(bundle).map(
    ([type, value]) => [type, JSON.stringify(value)] as const,
  )
  return resultLine(forms, false)
}

/**
 * Returns the line of the value of a cell.
 * @param json a MIME bundle, known to be valid JSON
 */
export function valueLine(json: string): string {
  const forms = [...jsonEntries(Buffer.from(json))].map(
    ([type, value]) => [JSON.parse(type.toString()) as string, value.toString()] as const,
  )
  return resultLine(forms, true)
}

/**
 * What has no name of its own goes into `extra`, but only where nothing has one: clients fail to print a result whose
 * `extra` is not empty.
 */
function resultLine(forms: readonly (readonly [string, string])[], isMain: boolean): string {
  const named: string[] = []
  const others: string[] = []
  for (const [type, json] of forms) {
    const text = TEXTS.get(type)
    if (text !== undefined) {
      const data = jsonIn(json)
      if (data !== null) named.push(`${JSON.stringify(text)}:${data}`)
    } else if (NAMES.has(type)) {
      const value = type === 'text/plain' ? withoutQuotes(json) : json
      named.push(`${JSON.stringify(NAMES.get(type))}:${value}`)
    } else {
      others.push(`${JSON.stringify(type)}:${json}`)
    }
  }
  const extra = named.length > 0 ? '{}' : `{${others.join(',')}}`
  return `{${['"type":"result"', ...named, `"extra":${extra}`, `"is_main_result":${isMain}`].join(',')}}`
}

/** @returns the JSON text that a string holds; null: it holds none */
function jsonIn(json: string): string | null {
  const text: unknown = JSON.parse(json)
  if (typeof text !== 'string') return null
  return isJson(Buffer.from(text), { depth: MOST_DEPTH }) ? text : null
}

/** A string in quotes is shown without them, as E2B does. */
function withoutQuotes(json: string): string {
  const text: unknown = JSON.parse(json)
  const isQuoted = typeof text === 'string' && /^(?:'.*'|".*")$/s.test(text)
  return isQuoted ? JSON.stringify(text.slice(1, -1)) : json
}
