import { once } from 'node:events'
import { connect } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { Accounts } from '../../src/api/accounts.ts'
import { Answers } from '../../src/api/answers.ts'
import { ManagerError } from '../../src/errors.ts'
import { MIB } from '../../src/lib/units.ts'
import type { RunEvent, RunOptions, RunOutcome, RunRequest, Runs } from '../../src/run/types.ts'
import { openDoors, outcomeWith } from '../support/door.ts'
import { NativeClient, type SseEvent } from '../support/native-client.ts'

/** Runs that a test plays: it tells events when it wants to, and ends them. */
class PlayedRuns implements Runs {
  play: (
    tell: (event: RunEvent) => void,
    request: RunRequest,
    signal: AbortSignal,
  ) => Promise<RunOutcome> = async () => outcomeWith()
  running = 0

  async start(request: RunRequest, { signal, onStart, onEvent }: RunOptions): Promise<RunOutcome> {
    this.running++
    try {
      const tell = (event: RunEvent) => {
        if (event.type === 'started') onStart?.()
        onEvent?.(event)
      }
      return await this.play(tell, request, signal)
    } finally {
      this.running--
    }
  }
}

const runs = new PlayedRuns()
const client = new NativeClient()
let door: Awaited<ReturnType<typeof openDoors>>
const RUN = { language: 'python', code: '' }
const started: RunEvent = { type: 'started', queueMs: 0.5 }
const out = (text: string | Buffer): RunEvent => ({ type: 'stdout', bytes: Buffer.from(text) })

beforeAll(async () => {
  door = await openDoors(runs)
  client.url = door.url
})
afterAll(() => door.close())
beforeEach(() => {
  runs.play = async () => outcomeWith()
})

async function collect(events: AsyncIterable<SseEvent>): Promise<SseEvent[]> {
  const all: SseEvent[] = []
  for await (const event of events) all.push(event)
  return all
}

/** A moment at which a test lets a run go on. */
function gate(): { wait: Promise<void>; open: () => void } {
  let open = () => {}
  const wait = new Promise<void>((resolve) => {
    open = resolve
  })
  return { wait, open }
}

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

describe('a batch', () => {
  const echo = async (_tell: unknown, { program, stdin }: RunRequest) =>
    outcomeWith({ stdout: Buffer.from(`${program.code} ${stdin ?? ''}`) })

  test('has a result for each run, in order, whichever ends first', async () => {
    const last = gate()
    runs.play = async (tell, request) => {
      const code = request.program.code.toString()
      if (code === '0') await last.wait
      if (code === '5') last.open()
      if (code === '3') throw new ManagerError('POOL_BUSY', 'Nobody is free.')
      return echo(tell, request)
    }
    const list = Array.from({ length: 20 }, (_, index) => ({ ...RUN, code: `${index}` }))
    const { status, body } = await client.post('/v1/batches', { runs: list })
    expect(status).toBe(200)
    expect(body.results).toHaveLength(20)
    for (const [index, result] of body.results.entries()) {
      if (index === 3) expect(result.problem.type).toBe('/problems/no-executor')
      else expect(result.stdout).toBe(`${index} `)
    }
  })

  test('runs one program with many inputs', async () => {
    runs.play = echo
    const inputs = ['a', 'b', 'c'].map((stdin) => ({ stdin }))
    const { body } = await client.post('/v1/batches', { run: { ...RUN, code: 'p' }, inputs })
    expect(body.results.map(({ stdout }: { stdout: string }) => stdout)).toEqual([
      'p a',
      'p b',
      'p c',
    ])
  })

  test('begins a few at a time', async () => {
    let most = 0
    runs.play = async () => {
      most = Math.max(most, runs.running)
      await new Promise(setImmediate)
      return outcomeWith()
    }
    const { body } = await client.post('/v1/batches', { runs: Array(100).fill(RUN) })
    expect(body.results).toHaveLength(100)
    expect(most).toBeLessThanOrEqual(8)
  })

  test('streams results as they end', async () => {
    const others = gate()
    runs.play = async (tell, request) => {
      if (request.program.code.toString() === '0') await others.wait
      return echo(tell, request)
    }
    const list = Array.from({ length: 5 }, (_, index) => ({ ...RUN, code: `${index}` }))
    const seen: number[] = []
    for await (const { event, data } of client.events('/v1/batches', { runs: list })) {
      if (event !== 'result') continue
      expect(data.result.stdout).toBe(`${data.index} `)
      seen.push(data.index)
      if (seen.length === 4) others.open()
    }
    expect(seen.at(-1)).toBe(0)
    expect([...seen].sort()).toEqual([0, 1, 2, 3, 4])
  })

  test.each(['application/json', 'text/event-stream'])(
    'begins no run any more when its caller hangs up (%s)',
    async (accept) => {
      let begun = 0
      runs.play = (_tell, _request, signal) =>
        new Promise((_resolve, reject) => {
          begun++
          const gone = () => reject(new ManagerError('RUN_CANCELLED', 'Gone.'))
          signal.addEventListener('abort', gone)
          if (signal.aborted) gone()
        })
      const caller = new AbortController()
      const body = { runs: Array(50).fill(RUN) }
      const asked = client.post('/v1/batches', body, { signal: caller.signal, headers: { accept } })
      await expect.poll(() => runs.running, { timeout: 30_000 }).toBe(8)
      caller.abort()
      await expect(asked).rejects.toThrow()
      await expect.poll(() => runs.running, { timeout: 30_000 }).toBe(0)
      expect(begun).toBe(8)
    },
  )

  test('is refused as a whole when one run is not valid', async () => {
    const { status, body } = await client.post('/v1/batches', {
      runs: [RUN, { ...RUN, limits: { wall_ms: 10_000_000 } }],
    })
    expect([status, body.errors[0].pointer]).toEqual([400, '/runs/1/limits/wall_ms'])
  })
})
