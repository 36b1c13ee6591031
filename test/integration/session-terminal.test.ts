import { once } from 'node:events'
import { describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { useManager } from '../support/manager.ts'
import { sessionClient, soon } from '../support/session-client.ts'

const client = useManager({ runtimes: ['bash'], sessionsPerCaller: 3 })
const { call, create } = sessionClient(() => client.url)

/** Opens a terminal and collects what it shows and says. */
async function open(id: string, query: Record<string, string | number> = {}) {
  const search = new URLSearchParams(query as Record<string, string>)
  const address = `${client.url.replace('http', 'ws')}/v1/sessions/${id}/terminal?${search}`
  const webSocket = new WebSocket(address)
  const terminal = { webSocket, shown: '', said: [] as Record<string, unknown>[] }
  webSocket.on('message', (data: Buffer, isBinary) => {
    if (isBinary) terminal.shown += data
    else terminal.said.push(JSON.parse(data.toString()))
  })
  onTestFinished(() => webSocket.terminate())
  await once(webSocket, 'open')
  return terminal
}
type Opened = Awaited<ReturnType<typeof open>>
const type = ({ webSocket }: Opened, text: string) => webSocket.send(Buffer.from(text))
const say = ({ webSocket }: Opened, words: object) => webSocket.send(JSON.stringify(words))
const shows = (terminal: Opened, text: string) => soon(() => terminal.shown).toContain(text)

describe('a terminal', () => {
  test('has a size, echo, job control, and an end', async () => {
    const id = await create({ env: { PS1: '$ ' } })
    const terminal = await open(id, { columns: 101, rows: 31 })
    type(terminal, 'stty size; echo $TERM; pwd; tty\n')
    await shows(terminal, '31 101\r\nxterm-256color\r\n/home/user\r\n/dev/pts/')
    say(terminal, { type: 'resize', columns: 90, rows: 20 })
    type(terminal, 'stty size; trap "echo interrupted" INT; sleep 1000; echo next\n')
    await shows(terminal, '20 90\r\n')
    await soon(() => {
      type(terminal, '\u0003')
      return terminal.shown
    }).toContain('interrupted')
    say(terminal, { type: 'input', text: 'exit 7\n' })
    await once(terminal.webSocket, 'close')
    expect(terminal.said[0]).toMatchObject({ type: 'started', id: expect.any(String) })
    expect(terminal.said.at(-1)).toEqual({ type: 'exited', exit_code: 7, signal: null })
  })

  test('goes on without its client, and is attached again from an offset', async () => {
    const id = await create()
    const first = await open(id, { command: 'echo one; read x; stty size; echo two $x; read y' })
    await shows(first, 'one\r\n')
    const { id: command } = first.said[0] as { id: string }
    first.webSocket.close()
    await once(first.webSocket, 'close')
    expect((await call('POST', `/${id}/pause`)).json().state).toBe('hibernated')
    const second = await open(id, { id: command, offset: 5, columns: 70, rows: 10 })
    type(second, 'word\n')
    await shows(second, 'word\r\n10 70\r\ntwo word\r\n')
    expect(second.shown).not.toContain('one')
    const third = await open(id, { id: command })
    await shows(third, 'one\r\n')
    const closed = [second, third].map(({ webSocket }) => once(webSocket, 'close'))
    expect((await call('DELETE', `/${id}/commands/${command}`)).status).toBe(204)
    await Promise.all(closed)
    expect(third.said.at(-1)).toEqual({ type: 'exited', exit_code: null, signal: 'SIGKILL' })
  })

  test('passes raw bytes both ways, and holds up what its client does not read', async () => {
    const id = await create()
    const raw = await open(id, { command: 'stty raw -echo; echo ready; exec cat' })
    await shows(raw, 'ready')
    raw.shown = ''
    // Not control-C: older versions of gVisor interrupt by it even in raw mode.
    const keys = '\u001b[A\u0004\u0001\u007f\r'
    type(raw, keys)
    await soon(() => raw.shown).toBe(keys)
    const flood = await open(id, {
      command: 'while :; do echo yyyyyyyyyyyyyyyyyyyyyyyyyyyyyy; done',
    })
    await soon(() => flood.shown.length).toBeGreaterThan(100_000)
    flood.webSocket.pause()
    type(raw, 'still here')
    await soon(() => raw.shown).toContain('still here')
  })

  test('refuses before the upgrade what it cannot do, and frames that say nothing', async () => {
    const id = await create()
    for (const [path, status] of [
      [`/${id}/terminal?columns=0`, 400],
      [`/${id}/terminal?id=none`, 404],
      ['/none/terminal', 404],
      [`/${id}/terminal?user=root`, 403],
    ] as const) {
      const webSocket = new WebSocket(`${client.url.replace('http', 'ws')}/v1/sessions${path}`)
      const [error] = await once(webSocket, 'error')
      expect(String(error)).toContain(`${status}`)
    }
    expect((await call('GET', `/${id}/terminal`)).status).toBe(426)
    for (const [frame, code] of [
      ['no JSON', 1008],
      ['{"type":"resize","columns":"x","rows":1}', 1008],
      [Buffer.alloc(2_000_000), 1009],
      [Buffer.alloc(5_000_000), 1009],
    ] as const) {
      const terminal = await open(id)
      terminal.webSocket.send(frame)
      expect((await once(terminal.webSocket, 'close'))[0]).toBe(code)
    }
  })
})
