import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { MIB } from '../../src/lib/units.ts'
import { useManager } from '../support/manager.ts'
import { sessionClient, soon } from '../support/session-client.ts'

// Programs of this machine with their libraries, brought into a session.
const [VIM, TOP] = ['/usr/bin/vim.basic', '/usr/bin/top']
const TERMINFO = '/lib/terminfo/x/xterm-256color'
const client = useManager({
  runtimes: ['bash'],
  limits: { memoryBytes: 512 * MIB, workspaceBytes: 256 * MIB },
})
const { call, create, command } = sessionClient(() => client.url)

function librariesOf(program: string): string[] {
  const said = execFileSync('ldd', [program], { encoding: 'utf8' })
  const found = [...said.matchAll(/=> (\/\S+)/g)].map(([, file = '']) => file)
  // Those of the C library itself are the image's.
  return found.filter((file) => !/\/(libc|libm|libpthread|libdl|librt)\.so/.test(file))
}

async function bring(id: string, file: string, to: string): Promise<void> {
  const { status } = await call('PUT', `/${id}/files/${to}`, new Uint8Array(readFileSync(file)))
  expect(status).toBe(204)
}

async function openProgram(program: string, line: string) {
  const id = await create()
  await bring(id, program, 'bin/program')
  for (const file of librariesOf(program)) await bring(id, file, `lib/${path.basename(file)}`)
  await bring(id, TERMINFO, 'terminfo/x/xterm-256color')
  await command(id, 'chmod 755 bin/program')
  const environment = 'LD_LIBRARY_PATH=$HOME/lib TERMINFO=$HOME/terminfo'
  const query = new URLSearchParams({
    command: `${environment} exec bin/program ${line}`,
    columns: '80',
    rows: '24',
  })
  const address = `${client.url.replace('http', 'ws')}/v1/sessions/${id}/terminal?${query}`
  const webSocket = new WebSocket(address)
  const terminal = { id, webSocket, shown: '', end: null as unknown }
  webSocket.on('message', (data: Buffer, isBinary) => {
    if (isBinary) terminal.shown += data
    else if (data.includes('exited')) terminal.end = JSON.parse(data.toString())
  })
  onTestFinished(() => webSocket.terminate())
  await once(webSocket, 'open')
  return terminal
}

test.skipIf(!existsSync(VIM))('vim edits a file at a terminal', async () => {
  const terminal = await openProgram(VIM, '-u NONE -i NONE -n text')
  await soon(() => terminal.shown).toContain('~')
  const type = (keys: string) => terminal.webSocket.send(Buffer.from(keys))
  type('ihello\rworld\u001b')
  await soon(() => terminal.shown).toContain('world')
  const resize = { type: 'resize', columns: 60, rows: 15 }
  terminal.webSocket.send(JSON.stringify(resize))
  type(':set lines? columns?\r')
  await soon(() => terminal.shown).toContain('lines=15')
  type('\rggyyp:wq\r')
  await soon(() => terminal.end).toMatchObject({ exit_code: 0 })
  const { text } = await call('GET', `/${terminal.id}/files/text`)
  expect(text).toBe('hello\nhello\nworld\n')
})

test.skipIf(!existsSync(TOP))('top shows the processes of a session, again and again', async () => {
  const terminal = await openProgram(TOP, '-d 0.5')
  const screens = () => terminal.shown.split('\u001b[H').length
  await soon(screens).toBeGreaterThan(3)
  expect(terminal.shown).toContain('program')
  terminal.webSocket.send(Buffer.from('q'))
  await soon(() => terminal.end).toMatchObject({ exit_code: 0 })
})
