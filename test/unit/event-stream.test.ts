import { EventEmitter } from 'node:events'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { Accounts } from '../../src/api/accounts.ts'
import { Answers } from '../../src/api/answers.ts'
import { EventStream } from '../../src/api/sse.ts'
import { scaledMs } from '../../src/lib/time-scale.ts'

describe('a silent stream', () => {
  /** As much of a reply as an event stream needs, and what was written to it. */
  function replyOf() {
    const written: string[] = []
    const response = Object.assign(new EventEmitter(), {
      writeHead: () => {},
      write: (text: string, taken: () => void): boolean => {
        written.push(text)
        taken()
        return true
      },
      end: () => {},
    })
    return { written, response, reply: { raw: response, hijack() {}, getHeaders: () => ({}) } }
  }
  const accounts = () =>
    new Accounts({
      uploadBytes: 1,
      uploadBytesPerCaller: 1,
      answerBytes: 1e6,
      answerBytesPerCaller: 1e6,
    })

  beforeEach(() => {
    vi.useFakeTimers()
    return () => vi.useRealTimers()
  })

  test('has a comment every 15 s, from its first event on until it is closed', () => {
    const { written, response, reply } = replyOf()
    const stream = new EventStream(reply as never, 'me', new Answers(accounts().answers))
    vi.advanceTimersByTime(scaledMs(60_000))
    expect(written).toEqual([])
    stream.send('started', '{}')
    vi.advanceTimersByTime(scaledMs(15_000) - 1)
    expect(written).toHaveLength(1)
    vi.advanceTimersByTime(scaledMs(30_000))
    expect(written.slice(1)).toEqual([':\n\n', ':\n\n'])
    response.emit('close')
    vi.advanceTimersByTime(scaledMs(60_000))
    expect(written).toHaveLength(3)
  })

  test('has none in the middle of an event', async () => {
    const { written, response, reply } = replyOf()
    const stream = new EventStream(reply as never, 'me', new Answers(accounts().answers))
    stream.send('started', '{}')
    response.write = (text) => {
      written.push(text)
      return false
    }
    const sent = stream.sendPieces('stdout', ['{"text":', '""}'])
    await vi.advanceTimersByTimeAsync(scaledMs(20_000))
    expect(written.join('')).toMatch(/data: \{"text":$/)
    response.emit('drain')
    await vi.advanceTimersByTimeAsync(0)
    response.emit('drain')
    await sent
    expect(written.join('')).toMatch(/data: \{"text":""\}\n\n$/)
    response.emit('close')
  })
})
