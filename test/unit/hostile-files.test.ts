import { connect } from 'node:net'
import { PassThrough, Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Accounts } from '../../src/api/accounts.ts'
import { Answers } from '../../src/api/answers.ts'
import { ApiKeys } from '../../src/api/api-keys.ts'
import { readWhole } from '../../src/api/session-work.ts'
import { readConfig } from '../../src/config.ts'
import { runCommand } from '../../src/sessions/command.ts'
import { allIn, exactly } from '../../src/sessions/file-bytes.ts'
import { SessionFiles } from '../../src/sessions/files.ts'
import type { Sessions } from '../../src/sessions/types.ts'
import { Channels } from '../../src/supervisor/channels.ts'
import { encodeFrame, FrameParser } from '../../src/supervisor/frames.ts'
import { FROM, TO } from '../../src/supervisor/session-protocol.ts'
import { FakeRuns, openDoors } from '../support/door.ts'
import { HTTP_CLIENTS } from '../support/mcp-clients.ts'

/** Sandboxes whose supervisor sends without end, whatever it was asked for. */

const ENTRY = 'f 644 5 1000000000000000000 1000 1000\0a\0\0'
const [KEY, MINE] = ['a-key-of-the-tests', 'of-the-caller']
const lasting = new AbortController().signal

/** Channels of such a sandbox. It says what a file is as it should, where asked for that. */
function hostileChannels(tellsOfFiles = true) {
  const [input, output] = [new PassThrough(), new PassThrough()]
  const sent = { bytes: 0, releases: 0 }
  const say = (type: number, channel: Buffer, payload: Buffer) =>
    output.write(encodeFrame(type, Buffer.concat([channel, payload])))
  const flood = (channel: Buffer, stream: number, bytes: number) => {
    for (let left = bytes; left > 0; left -= 16 * 1024) {
      const part = Math.min(left, 16 * 1024)
      sent.bytes += part
      say(FROM.OUTPUT, channel, Buffer.concat([Buffer.of(stream), Buffer.alloc(part, 'x')]))
    }
  }
  const end = (channel: Buffer, open: readonly number[]) => {
    for (const stream of open) say(FROM.ENDED, channel, Buffer.of(stream))
    say(FROM.EXITED, channel, Buffer.of(0, 0))
  }
  const frames = new FrameParser(() => 2 ** 24)
  const floods = new Set<number>()
  input.on('data', (chunk: Buffer) => {
    for (const { type, payload } of frames.push(chunk)) {
      const [channel, rest] = [payload.subarray(0, 4), payload.subarray(4)]
      const number = channel.readUInt32LE()
      if (type === TO.START) {
        say(FROM.STARTED, channel, Buffer.of(1, 0, 0, 0))
        if (tellsOfFiles && rest.includes('\0stat\0')) {
          say(FROM.OUTPUT, channel, Buffer.concat([Buffer.of(1), Buffer.from(ENTRY)]))
          end(channel, [1, 2])
        } else {
          floods.add(number)
          flood(channel, 1, 128 * 1024)
        }
      } else if (type === TO.CREDIT && floods.has(number)) {
        flood(channel, rest[0] as number, rest.readUInt32LE(1))
      } else if (type === TO.RELEASE) {
        sent.releases++
        if (floods.delete(number)) end(channel, [1, 2])
      }
    }
  })
  return { channels: new Channels(input, output), sent }
}

const sessions = {
  ofDoor: () => [],
  defaultTemplate: () => 'python',
  get: (_caller: string, id: string) => ({ id, checkpoint: null }),
  use: async () => ({ channels: hostileChannels().channels, release: () => {} }),
} as unknown as Sessions
let door: Awaited<ReturnType<typeof openDoors>>
beforeAll(async () => {
  const keys = ApiKeys.parse(`one:${KEY}`) as ApiKeys
  door = await openDoors(new FakeRuns(), { keys }, {}, undefined, sessions)
})
afterAll(() => door.close())

test('a part of a file has no more bytes than were asked for, and fails', async () => {
  for (const length of [0, 10, 100_000]) {
    const { channels, sent } = hostileChannels()
    const stream = await new SessionFiles(channels, lasting).read('a', { offset: 0, length })
    let bytes = 0
    const reading = (async () => {
      for await (const chunk of stream) bytes += chunk.length
    })()
    await expect(reading).rejects.toMatchObject({ errno: 5 })
    expect(bytes).toBe(length)
    expect(sent.releases).toBe(1)
  }
})

test('a whole file and a list have a bound', async () => {
  const { channels } = hostileChannels(false)
  const files = new SessionFiles(channels, lasting)
  const { answers, uploads: frames } = new Accounts(readConfig({}))
  const holding = { caller: 'one', answers: new Answers(answers), frames }
  const reading = readWhole(files, 'a', 1_000_000, holding)
  await expect(reading).rejects.toMatchObject({ statusCode: 413 })
  await expect(files.list('a', 1)).rejects.toMatchObject({ errno: 27 })
  await expect(files.stat('a')).rejects.toMatchObject({ errno: 27 })
})

test('a command that says too much is ended once', async () => {
  const { channels, sent } = hostileChannels()
  const asked = { argv: ['yes'], cwd: '/', env: {}, stdin: null, wallTimeMs: 60_000 }
  const use = { channels, env: {} } as never
  const outcome = await runCommand(use, { ...asked, outputBytes: 1000 }, lasting)
  expect(outcome.end).toBe('output')
  expect(outcome.stdout).toHaveLength(1000)
  expect(sent.releases).toBe(1)
})

test('single bytes are held together', async () => {
  const bytes = Array.from({ length: 10_000 }, () => Buffer.from('a'))
  expect(await allIn(Readable.from(bytes), 10_000)).toHaveLength(10_000)
  expect(await allIn(Readable.from(bytes), 9_999)).toBeNull()
})

test('an announced length is kept, or the stream fails', async () => {
  const of = (said: string, length: number) => {
    const stream = exactly(Readable.from([Buffer.from(said), Buffer.from(said)]), length)
    return text(Readable.from(stream))
  }
  expect(await of('abc', 6)).toBe('abcabc')
  await expect(of('abc', 7)).rejects.toThrow('shorter')
  await expect(of('abc', 5)).rejects.toThrow('longer')
})

test('an answer over HTTP has not one byte behind its Content-Length', async () => {
  const { port, host } = new URL(door.url)
  const socket = connect(Number(port), '127.0.0.1')
  const head = [`Host: ${host}`, `Authorization: Bearer ${KEY}`, 'Connection: keep-alive']
  socket.write(`GET /v1/sessions/${MINE}/files/a HTTP/1.1\r\n${head.join('\r\n')}\r\n\r\n`)
  // It ends, since the sandbox has not kept to what it said.
  const said = await text(socket)
  const [headers, body] = said.split('\r\n\r\n')
  expect(headers).toContain('HTTP/1.1 200')
  expect(headers?.toLowerCase()).toContain('content-length: 5')
  expect(body).toBe('xxxxx')
})

test.each(HTTP_CLIENTS)('read_file of $name is an error in words', async ({ connect: open }) => {
  const client = await open({ url: door.url, key: KEY })
  const call = { name: 'read_file', arguments: { session: MINE, path: 'a' } }
  const { isError, content } = await client.callTool(call)
  await client.close()
  expect(isError).toBe(true)
  expect(content[0].text).toContain('more than was asked for')
})
