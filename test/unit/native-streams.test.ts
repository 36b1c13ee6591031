import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, expect, test } from 'vitest'
import { Accounts } from '../../src/api/accounts.ts'
import { Answers } from '../../src/api/answers.ts'
import { ManagerError } from '../../src/errors.ts'
import { MIB } from '../../src/lib/units.ts'
import type { RunEvent } from '../../src/run/types.ts'
import { outcomeWith, useDoors } from '../support/door.ts'
import { NativeClient } from '../support/native-client.ts'
import { collect, gate, PlayedRuns } from '../support/played-runs.ts'

const runs = new PlayedRuns()
const client = new NativeClient()
const door = useDoors(runs, {}, client)
const RUN = { language: 'python', code: '' }
const started: RunEvent = { type: 'started', queueMs: 0.5 }
const out = (text: string | Buffer): RunEvent => ({ type: 'stdout', bytes: Buffer.from(text) })

describe('a stream', () => {
  test('tells what happens, each event with an id, and the outcome in the end', async () => {
    runs.play = async (tell) => {
      tell(started)
      tell(out('a\n'))
      tell({ type: 'stderr', bytes: Buffer.from('b') })
      tell({ type: 'display', data: { 'text/html': '<b>\n</b>' } })
      return outcomeWith({ stdout: Buffer.from('a\n'), resultJson: '[1,\r\n2]' })
    }
    const events = await collect(client.events('/v1/runs', RUN))
    expect(events.map(({ id, event }) => [id, event])).toEqual([
      ['1', 'started'],
      ['2', 'stdout'],
      ['3', 'stderr'],
      ['4', 'display'],
      ['5', 'done'],
    ])
    expect(events.map(({ data }) => data)).toMatchObject([
      { id: events[4]?.data.id, queue_ms: 0.5 },
      { text: 'a\n' },
      { text: 'b' },
      { data: { 'text/html': '<b>\n</b>' } },
      { status: 'succeeded', stdout: 'a\n', result: [1, 2] },
    ])
  })

  test('comes as it happens', async () => {
    const seen = gate()
    runs.play = async (tell) => {
      tell(started)
      tell(out('first'))
      await seen.wait
      return outcomeWith()
    }
    for await (const { event } of client.events('/v1/runs', RUN)) {
      // The run does not end before this was read.
      if (event === 'stdout') seen.open()
    }
  })

  test('no character is broken across events', async () => {
    const text = 'aä€🙂'.repeat(3)
    const bytes = Buffer.from(text)
    runs.play = async (tell) => {
      tell(started)
      for (const byte of bytes) tell(out(Buffer.of(byte)))
      for (const byte of [0xf0, 0x9f]) tell({ type: 'stderr', bytes: Buffer.of(byte) })
      return outcomeWith()
    }
    const events = await collect(client.events('/v1/runs', RUN))
    const texts = (name: string) =>
      events.filter(({ event }) => event === name).map(({ data }) => data.text)
    expect(texts('stdout')).toEqual([...text])
    expect(texts('stderr')).toEqual(['\ufffd'])
  })

  test('a refusal before the first event is an answer like any other', async () => {
    runs.play = async () => {
      throw new ManagerError('POOL_BUSY', 'Nobody is free.')
    }
    const headers = { accept: 'text/event-stream' }
    const { status, body } = await client.run(RUN, { headers })
    expect([status, body.type]).toEqual([503, '/problems/no-executor'])
    expect((await client.run({ code: 1 }, { headers })).status).toBe(400)
  })

  test('a failure after it is the last event', async () => {
    runs.play = async (tell) => {
      tell(started)
      throw new ManagerError('ENGINE_FAILED', 'Of ours.')
    }
    const events = await collect(client.events('/v1/runs', RUN))
    expect(events.map(({ event }) => event)).toEqual(['started', 'error'])
    expect(events[1]?.data.type).toBe('/problems/unavailable')
  })

  test('an outcome of many megabytes comes whole', async () => {
    const content = Buffer.alloc(6 * MIB, 'xyz')
    runs.play = async (tell) => {
      tell(started)
      return outcomeWith({ files: [{ path: 'a', content }] })
    }
    const events = await collect(client.events('/v1/runs', RUN))
    const { files } = events.at(-1)?.data ?? {}
    expect(Buffer.from(files[0].content_base64, 'base64').equals(content)).toBe(true)
  })

  test('a caller that hangs up cancels its run', async () => {
    const aborted = gate()
    runs.play = (tell, _request, signal) =>
      new Promise((_resolve, reject) => {
        tell(started)
        signal.addEventListener('abort', () => {
          aborted.open()
          reject(new ManagerError('RUN_CANCELLED', 'Gone.'))
        })
      })
    const caller = new AbortController()
    const reading = collect(client.events('/v1/runs', RUN, { signal: caller.signal }))
    await new Promise<void>((resolve) => {
      const timer = setInterval(() => {
        if (runs.running === 0) return
        clearInterval(timer)
        resolve()
      }, 5)
    })
    caller.abort()
    await expect(reading).rejects.toThrow()
    await aborted.wait
  })

  test('a caller that reads nothing is on its own account, and others go on', async () => {
    const flooded = gate()
    const text = 'x'.repeat(64 * 1024)
    runs.play = async (tell, { program }) => {
      tell(started)
      if (program.code.toString() === 'flood') {
        for (let i = 0; i < 256; i++) tell(out(text))
        flooded.open()
      }
      return outcomeWith()
    }
    const { hostname, port } = new URL(door.url)
    const socket = connect(Number(port), hostname)
    await once(socket, 'connect')
    socket.pause()
    const body = JSON.stringify({ ...RUN, code: 'flood' })
    socket.write(
      `POST /v1/runs HTTP/1.1\r\nHost: ${hostname}\r\nContent-Type: application/json\r\nAccept: text/event-stream\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    )
    await flooded.wait
    expect(door.accounts.answers.heldFor('127.0.0.1')).toBeGreaterThan(4 * MIB)
    expect((await client.run(RUN)).status).toBe(200)
    socket.destroy()
    await expect.poll(() => door.accounts.answers.heldFor('127.0.0.1'), { timeout: 30_000 }).toBe(0)
  })
})

test('what a stream holds is given back when the connection has taken it', () => {
  const accounts = new Accounts({
    uploadBytes: 1,
    uploadBytesPerCaller: 1,
    answerBytes: 1000,
    answerBytesPerCaller: 1000,
  })
  const response = Object.assign(new EventTarget(), { once: () => {}, destroy: () => {} })
  const backlog = new Answers(accounts.answers).backlog('me', response as never)
  backlog.add(100)
  backlog.add(50)
  expect(accounts.answers.heldFor('me')).toBe(150)
  backlog.sent(100)
  backlog.sent(50)
  expect(accounts.answers.heldFor('me')).toBe(0)
  backlog.add(10)
  expect(accounts.answers.heldFor('me')).toBe(10)
})
