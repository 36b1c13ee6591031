import { describe, expect, test } from 'vitest'
import { LineStream } from '../../src/api/e2b/interpreter/line-stream.ts'
import { displayLine, valueLine } from '../../src/api/e2b/interpreter/result-line.ts'

describe('lines', () => {
  const parsed = (line: string) => JSON.parse(line)

  test('forms have the names of E2B; text has no quotes around it', () => {
    expect(
      parsed(
        displayLine({ 'text/plain': "'a'", 'image/png': 'iVBOR', 'application/json': { a: 1 } }),
      ),
    ).toEqual({
      type: 'result',
      text: 'a',
      png: 'iVBOR',
      json: { a: 1 },
      extra: {},
      is_main_result: false,
    })
    for (const [text, shown] of [
      ['"a"', 'a'],
      ["'a\nb'", 'a\nb'],
      ["'a", "'a"],
      ["'", "'"],
      ['1', '1'],
    ]) {
      expect(parsed(valueLine(JSON.stringify({ 'text/plain': text }))).text).toBe(shown)
    }
  })

  test('numbers of charts stay as they are; what is no JSON is left out', () => {
    const bundle = { 'e2b/chart': '{"y_ticks":[1.0,2.50]}', 'text/plain': 'F' }
    expect(displayLine(bundle)).toContain('"chart":{"y_ticks":[1.0,2.50]}')
    for (const chart of ['{"a":', '', '['.repeat(200) + ']'.repeat(200)]) {
      expect(parsed(displayLine({ 'text/plain': 'F', 'e2b/chart': chart }))).not.toHaveProperty(
        'chart',
      )
    }
    expect(parsed(displayLine({ 'text/plain': 'F', 'e2b/data': { a: 1 } }))).not.toHaveProperty(
      'data',
    )
  })

  test('other forms are extra where there is none with a name', () => {
    expect(parsed(displayLine({ 'application/x-own': 1 })).extra).toEqual({
      'application/x-own': 1,
    })
    expect(parsed(displayLine({ 'text/html': 'h', 'application/x-own': 1 })).extra).toEqual({})
  })

  test('are ASCII, and have no line ends in them', () => {
    const written: string[] = []
    const raw = Object.assign(new EventTarget(), {
      once: () => {},
      writeHead: () => {},
      write: (line: string) => written.push(line),
      end: () => {},
    })
    const reply = { raw, hijack: () => {}, getHeaders: () => ({}) }
    const answers = { backlog: () => ({ add: () => {}, sent: () => {} }) }
    const stream = new LineStream(reply as never, 'one', answers as never)
    stream.send('{"a":\n"é😀\u2028"}')
    stream.end()
    expect(written).toEqual(['{"a": "\\u00e9\\ud83d\\ude00\\u2028"}\n'])
  })
})
