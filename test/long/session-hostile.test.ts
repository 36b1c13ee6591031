import { once } from 'node:events'
import { expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { MIB } from '../../src/lib/units.ts'
import { useManager } from '../support/manager.ts'
import { sessionClient, soon } from '../support/session-client.ts'

const client = useManager({
  runtimes: ['bash', 'python'],
  sessionsPerCaller: 3,
  limits: { memoryBytes: 256 * MIB },
})
const { call, create, command, begin } = sessionClient(() => client.url)

test('a flood of changes is told of in part, says so, and holds nobody up', async () => {
  const id = await create()
  await command(id, 'mkdir w')
  const controller = new AbortController()
  const response = await fetch(`${client.url}/v1/sessions/${id}/watch?path=w&depth=64`, {
    signal: controller.signal,
  })
  const reader = response.body?.getReader()
  let text = Buffer.from((await reader?.read())?.value ?? []).toString()
  // More folders than are watched, and more events than the kernel keeps for who reads none.
  const line = 'mkdir $(seq -f w/%g 1 1500); for i in $(seq 20000); do echo > w/1/$i; done'
  const { status } = await command(id, line, { wall_ms: 600_000 })
  expect(status).toBe('succeeded')
  expect(await command(id, 'echo fine')).toMatchObject({ stdout: 'fine\n' })
  while (!text.includes('event: overflow')) {
    const { value, done } = (await reader?.read()) ?? { done: true }
    if (done) break
    text = text.slice(-100) + Buffer.from(value ?? []).toString()
  }
  expect(text).toContain('event: overflow')
  controller.abort()
})

test('terminals and descriptors are bounded, and the session goes on', async () => {
  const id = await create()
  const address = `${client.url.replace('http', 'ws')}/v1/sessions/${id}/terminal?command=sleep+1000`
  const opened: WebSocket[] = []
  let refused = 0
  for (let i = 0; i < 80; i++) {
    const webSocket = new WebSocket(address)
    const isOpen = await Promise.race([
      once(webSocket, 'open').then(() => true),
      once(webSocket, 'error').then(() => false),
    ]).catch(() => false)
    if (isOpen) opened.push(webSocket)
    else refused++
  }
  expect(opened.length).toBeLessThanOrEqual(64)
  expect(refused).toBeGreaterThanOrEqual(16)
  expect((await call('GET', `/${id}`)).status).toBe(200)
  for (const webSocket of opened) webSocket.terminate()
  for (const { id: one } of (await call('GET', `/${id}/commands`)).json().commands) {
    await call('DELETE', `/${id}/commands/${one}`)
  }
  await soon(async () => (await command(id, 'echo fine')).stdout).toBe('fine\n')
  // A program that holds all descriptors and PTYs that it can have.
  const other = await create({ template: 'python' })
  const hog = `import os, pty, time
held = []
try:
    while True: held.append(pty.openpty())
except OSError: print('full', flush=True)
time.sleep(1000)`
  await call('PUT', `/${other}/files/hog.py`, new TextEncoder().encode(hog))
  const at = await begin(other, 'exec python3 hog.py')
  await soon(async () => (await call('GET', `${at}/output`)).json().stdout).toBe('full\n')
  expect(await command(other, 'echo fine')).toMatchObject({ stdout: 'fine\n' })
})

test('by no path and no link does a verb leave what the user of the session may do', async () => {
  const id = await create()
  await command(id, 'ln -s /etc/shadow s; ln -s / root; ln -s loop loop; mkfifo p; mkdir d')
  for (const path of ['s', 'root/etc/shadow', '../../etc/shadow', '/etc/shadow', '/proc/1/mem']) {
    const { status, text } = await call('GET', `/${id}/files/${path}`)
    expect([400, 403, 404]).toContain(status)
    expect(text).not.toContain('root:')
  }
  for (const path of ['loop', 'p', '/dev/zero', '/proc/kmsg', 'd']) {
    expect((await call('GET', `/${id}/files/${path}`)).status).toBeGreaterThanOrEqual(400)
    const put = await call('PUT', `/${id}/files/${path}`, new Uint8Array(3))
    expect(put.status).toBeGreaterThanOrEqual(400)
  }
  for (const to of ['/etc/x', 'root/etc/x', '/proc/x', '/sys/x', '/dev/x']) {
    expect((await call('POST', `/${id}/folders`, { path: to })).status).toBeGreaterThanOrEqual(400)
    expect((await call('POST', `/${id}/moves`, { from: 'd', to })).status).toBeGreaterThanOrEqual(
      400,
    )
    const { status } = await call('PUT', `/${id}/archive?path=${to}`, new Uint8Array(1024))
    expect(status).toBeGreaterThanOrEqual(400)
  }
  expect((await call('DELETE', `/${id}/files/root/etc`)).status).toBeGreaterThanOrEqual(400)
  // A link is removed, and not what it leads to.
  expect((await call('DELETE', `/${id}/files/root`)).status).toBe(204)
  expect(await command(id, 'ls /etc > /dev/null && ls')).toMatchObject({
    stdout: 'd\nloop\np\ns\n',
  })
})
