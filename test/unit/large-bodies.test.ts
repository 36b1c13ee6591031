import { EventEmitter } from 'node:events'
import type { FastifyRequest } from 'fastify'
import { afterAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { bodyValue } from '../../src/api/body-value.ts'
import { messageOf, readMessage, readOnly } from '../../src/api/e2b/envd/connect/calls.ts'
import { frameOf } from '../../src/api/e2b/envd/connect/frames.ts'
import { startRequest } from '../../src/api/e2b/envd/process-messages.ts'
import { JsonBody, WrongMember } from '../../src/api/json-body.ts'
import { readValue, VALUE_BOUNDS } from '../../src/api/json-value.ts'
import { readSaved } from '../../src/api/jupyter/saved-content.ts'
import { readMessage as readMcp } from '../../src/api/mcp/message.ts'
import { bodyOf, type OpenTerminal } from '../../src/api/open-terminal/door.ts'
import { ParsingThread } from '../../src/api/parsing-thread.ts'
import { readRun } from '../../src/api/v1/read-run.ts'
import { readJson } from '../../src/api/v1/session-call.ts'

/** Bodies of many values are refused before there are objects; long texts are read in the thread. */
const parsing = new ParsingThread(new Map())
const stays = new AbortController().signal
afterAll(() => parsing.close())

const MIB = 1024 ** 2
const many = (count: number) => `[${'1,'.repeat(count - 1)}1]`
const TOO_MANY = many(2 * MIB)

function requestOf(bytes: Buffer) {
  const released: string[] = []
  const body = {
    bytes: bytes.length,
    takeBlocks: () => [bytes],
    entry: { release: () => released.push('body') },
    evicted: false,
    onEvicted: () => {},
  }
  const raw = { socket: new EventEmitter() }
  return { request: { body, raw, caller: 'ann' } as unknown as FastifyRequest, body, raw, released }
}

describe('a JSON value', () => {
  test('is what JSON.parse() makes of it, up to the bounds', () => {
    const { values, depth } = VALUE_BOUNDS
    for (const text of ['{"a":[1,{"b":"é"}],"__proto__":1}', '7', many(values - 1)]) {
      expect(readValue(Buffer.from(text))).toEqual({ value: JSON.parse(text) })
    }
    expect(readValue(Buffer.from('\ufeff{}'))).toEqual({ value: {} })
    const deep = (levels: number) => Buffer.from(`${'['.repeat(levels)}1${']'.repeat(levels)}`)
    expect(readValue(deep(depth))).toHaveProperty('value')
    for (const [json, wrong] of [
      [Buffer.from(many(values)), `has more than ${values} values`],
      [deep(depth + 1), `is nested more than ${depth} deep`],
      [Buffer.from('{"a":1,}'), 'is not valid JSON'],
      [Buffer.of(0x22, 0xff, 0x22), 'is not valid UTF-8'],
    ] as const) {
      expect(readValue(json)).toEqual({ wrong })
    }
  })

  test('is the same from the thread', async () => {
    const long = JSON.stringify({ code: 'é\n'.repeat(MIB), env: { A: '1' } })
    for (const text of [long, TOO_MANY, `${long},`]) {
      const json = Buffer.from(text)
      expect(await parsing.readValue('ann', json, stays)).toEqual(readValue(json))
      expect(json.equals(Buffer.from(text))).toBe(true)
    }
  })
})

describe('a body', () => {
  test('that is evicted, or whose caller goes, is not read', async () => {
    const text = Buffer.from(JSON.stringify('x'.repeat(MIB)))
    const before = parsing.readValue('ann', text, stays)
    const evicted = requestOf(text)
    const ofEvicted = bodyValue(evicted.request, parsing)
    Object.assign(evicted.body, { evicted: true }).onEvicted()
    const gone = requestOf(text)
    const ofGone = bodyValue(gone.request, parsing)
    gone.raw.socket.emit('close')
    await expect(ofEvicted).rejects.toMatchObject({ statusCode: 429 })
    await expect(ofGone).rejects.toMatchObject({ code: 'RUN_CANCELLED' })
    expect(await before).toHaveProperty('value')
    expect(gone.raw.socket.listenerCount('close')).toBe(0)
  })

  test('about a session may have a long text, and few values', () => {
    const schema = z.object({ stdin: z.string() })
    const stdin = 'x'.repeat(2 * MIB)
    const long = requestOf(Buffer.from(JSON.stringify({ stdin })))
    expect(readJson(long.request, schema)).toEqual({ stdin })
    const { request, released } = requestOf(Buffer.from(`{"stdin":${TOO_MANY}}`))
    expect(() => readJson(request, schema)).toThrow('values')
    expect(released).toEqual(['body'])
  })

  test("of Open Terminal's may have a long text, and few values", async () => {
    const door = { parsing } as OpenTerminal
    const schema = z.object({ content: z.string() })
    const content = 'a\n'.repeat(2 * MIB)
    const long = requestOf(Buffer.from(JSON.stringify({ content })))
    expect(await bodyOf(door, long.request, schema)).toEqual({ content })
    for (const [text, status] of [
      [`{"content":${TOO_MANY}}`, 400],
      [JSON.stringify({ content: content.repeat(3) }), 413],
      ['', 422],
    ] as const) {
      const { request, released } = requestOf(Buffer.from(text))
      await expect(bodyOf(door, request, schema)).rejects.toMatchObject({ statusCode: status })
      expect(released).toEqual(['body'])
    }
  })
})

describe("a message of E2B's", () => {
  const start = (cmd: string, args: unknown[] = []) => ({
    process: { cmd, args, envs: { A: 'b' } },
  })

  test('may have a command as long as a message', async () => {
    const cmd = 'x'.repeat(3 * MIB)
    const stream = requestOf(frameOf(start('bash', ['-c', cmd])))
    const read = await readOnly(stream.request, startRequest, parsing)
    expect(read.process.args).toEqual(['-c', cmd])
    expect(stream.released).toEqual(['body'])
    const unary = requestOf(Buffer.from(JSON.stringify(start(cmd))))
    expect((await readMessage(unary.request, startRequest, parsing)).process.cmd).toBe(cmd)
    const empty = requestOf(Buffer.alloc(0))
    expect(await readMessage(empty.request, z.object({}), parsing)).toEqual({})
  })

  test.each([
    [
      'many values',
      `{"process":{"cmd":"a","args":${TOO_MANY.slice(0, 3 * MIB)}1]}}`,
      'invalid_argument',
    ],
    [
      'many variables',
      JSON.stringify({ process: { cmd: 'a', envs: many(9000).split(',') } }),
      'invalid_argument',
    ],
    ['too many bytes', JSON.stringify(start('x'.repeat(4 * MIB))), 'resource_exhausted'],
  ])('with %s is refused', async (_name, text, code) => {
    const { request, released } = requestOf(Buffer.from(text))
    await expect(readMessage(request, startRequest, parsing)).rejects.toMatchObject({ code })
    expect(released).toEqual(['body'])
  })

  test('of none is the empty one', () => {
    expect(messageOf(null, z.object({}))).toEqual({})
  })
})

describe('what a client of Jupyter saves', () => {
  const read = (value: object) => readSaved(Buffer.from(JSON.stringify(value)))
  const contentOf = (value: object) => {
    const told = read(value)
    if ('wrong' in told) throw new Error(told.wrong)
    return told.saved.content && Buffer.from(told.saved.content).toString()
  }

  test('is a text, bytes in base64, a notebook as it is written, or a folder', () => {
    expect(contentOf({ content: 'é\n"' })).toBe('é\n"')
    expect(contentOf({ format: 'text', content: '' })).toBe('')
    expect(contentOf({ format: 'base64', content: 'w6kK' })).toBe('é\n')
    const written = Buffer.from('{"type":"notebook","format":null,"content":{ "cells": [1.0] }}')
    const told = readSaved(written)
    expect('saved' in told && told.saved.content?.toString()).toBe('{ "cells": [1.0] }')
    expect(read({ type: 'directory' })).toEqual({ saved: { type: 'directory', content: null } })
    for (const content of [null, 7, { a: 1 }]) expect(contentOf({ content })).toBe(null)
  })

  test.each([
    ['of an unknown type', { type: 'x' }],
    ['whose type is no text', { type: 1 }],
    ['of an unknown format', { format: 'y' }],
    ['with a long format', { format: 'y'.repeat(MIB) }],
    ['that is no object', [[]]],
  ] as const)('%s is refused', (_name, value) => {
    expect(read(value)).toHaveProperty('wrong')
  })

  test('is no larger than it was sent, and the same from the thread', async () => {
    const content = `${'['.repeat(1000)}${'1,'.repeat(500_000)}1${']'.repeat(1000)}`
    const json = Buffer.from(`{"type":"notebook","content":${content}}`)
    const told = await parsing.readSaved('ann', json, stays)
    expect('saved' in told && told.saved.content?.length).toBe(content.length)
    const text = Buffer.from(JSON.stringify({ content: 'é'.repeat(MIB) }))
    const read = await parsing.readSaved('ann', text, stays)
    expect('saved' in read && read.saved.content?.length).toBe(2 * MIB)
  })
})

test('small members of other front doors have few values too', () => {
  const list = many(20_000)
  expect(() => JsonBody.read(Buffer.from(`{"a":${list}}`), ['a']).value('a')).toThrow(WrongMember)
  expect(() => readMcp(Buffer.from(`{"jsonrpc":"2.0","params":${list}}`))).toThrow('values')
  const run = readRun(Buffer.from(`{"code":"","argv":${list}}`))
  expect(run).toEqual({ issues: [{ pointer: '/argv', detail: 'has too many values' }] })
})
