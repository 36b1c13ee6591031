import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import WebSocket from 'ws'
import { scaledMs } from '../../src/lib/time-scale.ts'
import { type Service, startService } from '../support/service.ts'

/** Programs that are talked to over the WebSocket of Piston's door, in real sandboxes. */

// biome-ignore lint/suspicious/noExplicitAny: a test says what it expects
type Said = any

let service: Service
const atEnd: (() => Promise<void>)[] = []
beforeAll(async () => {
  service = await startService({}, [], undefined, (work) => atEnd.push(work))
})
afterAll(async () => {
  service.kill('SIGTERM')
  await service.ended()
  for (const work of atEnd) await work()
})

async function connected() {
  const socket = new WebSocket(`${service.client.url.replace('http', 'ws')}/api/v2/connect`)
  const said: Said[] = []
  const closed = once(socket, 'close').then(([code]) => code as number)
  socket.on('message', (data) => said.push(JSON.parse(String(data))))
  await once(socket, 'open')
  const tell = (words: object) => socket.send(JSON.stringify(words))
  const output = (stream: string) =>
    said.filter((one) => one.stream === stream).map(({ data }) => data)
  const heard = (text: string) =>
    expect.poll(() => output('stdout').join(''), { timeout: scaledMs(60_000) }).toContain(text)
  return { socket, said, closed, tell, output, heard }
}
const init = (language: string, content: string, more: object = {}) => ({
  ...{ type: 'init', language, version: '*', files: [{ content }], ...more },
})
const sessions = async () =>
  ((await (await fetch(`${service.client.url}/v1/sessions`)).json()) as { sessions: object[] })
    .sessions

describe.each([
  ['python', 'import sys\nprint("name?", flush=True)\nprint("é", input(), sys.argv[1:])'],
  [
    'javascript',
    'console.log("name?"); process.stdin.once("data", (d) => { console.log("é", String(d).trim(), process.argv.slice(2)); process.exit() })',
  ],
  ['bash', 'echo "name?"; read -r line; echo "é $line $1"'],
])('a program in %s', (language, code) => {
  test('is asked, answers, and is ended with its session', async () => {
    const { said, closed, tell, output, heard } = await connected()
    tell(init(language, code, { args: ['one'] }))
    await heard('name?')
    tell({ type: 'data', stream: 'stdin', data: 'two\n' })
    expect(await closed).toBe(4999)
    expect(said.slice(0, 2)).toMatchObject([
      { type: 'runtime', language },
      { type: 'stage', stage: 'run' },
    ])
    expect(output('stdout').join('')).toMatch(/^name\?\né two .*one/)
    expect(said.at(-1)).toEqual({ type: 'exit', stage: 'run', code: 0, signal: null })
    await expect.poll(sessions, { timeout: scaledMs(60_000) }).toEqual([])
  })
})

test('signals, limits and the end of a client end a program', async () => {
  const endless = 'import sys, time\nprint("on", flush=True)\ntime.sleep(600)'
  const first = await connected()
  first.tell(init('python', endless))
  await first.heard('on')
  first.tell({ type: 'signal', signal: 'SIGTERM' })
  expect(await first.closed).toBe(4999)
  expect(first.said.at(-1)).toEqual({ type: 'exit', stage: 'run', code: null, signal: 'SIGTERM' })

  const late = await connected()
  late.tell(init('python', endless, { run_timeout: 500 }))
  expect(await late.closed).toBe(4999)
  expect(late.said.at(-1)).toMatchObject({ type: 'exit', code: null, signal: 'SIGKILL' })

  const loud = await connected()
  loud.tell(init('python', 'while True: print("x" * 10_000)'))
  expect(await loud.closed).toBe(4999)
  expect(loud.said.at(-1)).toMatchObject({ type: 'exit', code: null, signal: expect.any(String) })

  const gone = await connected()
  gone.tell(init('python', endless))
  await gone.heard('on')
  gone.socket.terminate()
  await expect.poll(sessions, { timeout: scaledMs(60_000) }).toEqual([])
})

test.each([
  [[{ type: 'data', stream: 'stdin', data: 'x' }], 4003],
  [['x'], 4003],
  [[init('cobol', 'x')], 4002],
  [[{ type: 'init' }], 4002],
  [[init('python', 'input()'), init('python', '')], 4000],
  [[init('python', 'input()'), { type: 'data', stream: 'stdout', data: '' }], 4004],
  [[init('python', 'input()'), { type: 'signal', signal: 'x' }], 4005],
] as const)('%j is refused', async (frames, code) => {
  const { closed, tell } = await connected()
  for (const frame of frames) tell(frame as object)
  expect(await closed).toBe(code)
  await expect.poll(sessions, { timeout: scaledMs(60_000) }).toEqual([])
})

test('without a WebSocket it says what it needs', async () => {
  expect((await fetch(`${service.client.url}/api/v2/connect`)).status).toBe(426)
})
