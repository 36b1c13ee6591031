import { describe, expect, test } from 'vitest'
import { e2bClient, frame } from '../support/e2b-client.ts'
import { useManager } from '../support/manager.ts'

const client = useManager({ runtimes: ['bash'], sessionsPerCaller: 8 })
const { create, send, begin, run } = e2bClient(() => client.url)
const SLEEP = { process: { cmd: '/bin/sleep', args: ['1000'] } }
const CONNECT = { 'content-type': 'application/connect+json' }

describe('bodies of files that are not what they say', () => {
  test('are refused', async () => {
    const sandbox = await create()
    const octets = { 'content-type': 'application/octet-stream' }
    const form = { 'content-type': 'multipart/form-data; boundary=b' }
    const part = '--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\nabc'
    const cases: [string, string, Record<string, string>, number][] = [
      ['/files', 'x', octets, 400],
      ['/files?path=z', 'no gzip', { ...octets, 'content-encoding': 'gzip' }, 400],
      ['/files?path=z', 'x', { ...octets, 'content-encoding': 'br' }, 415],
      ['/files', part, form, 400],
      ['/files', 'no form', form, 400],
      ['/files', 'x', { 'content-type': 'multipart/form-data' }, 400],
      ['/files?path=p', `${part}\r\n${part}\r\n--b--`, form, 400],
      ['/files?path=/home/user', 'x', octets, 400],
      ['/files?path=/proc/self/mem/x', 'x', octets, 403],
      ['/files?path=q&username=nobody', 'x', octets, 401],
      ['/files?path=q', 'x', { ...octets, 'x-metadata-k': 'v'.repeat(5000) }, 400],
    ]
    for (const [path, body, headers, status] of cases) {
      const response = await send(sandbox, 'POST', path, Buffer.from(body), headers)
      expect([path, body.slice(0, 9), response.status]).toEqual([path, body.slice(0, 9), status])
      expect(await response.json()).toMatchObject({ code: status })
    }
    const whole = await send(sandbox, 'POST', '/files', `${part}\r\n--b--`, form)
    expect(await whole.json()).toEqual([{ name: 'f', path: '/home/user/f', type: 'file' }])
    const some = await send(sandbox, 'GET', '/files?path=f', undefined, { range: 'bytes=1-1' })
    expect([some.status, await some.text(), some.headers.get('content-range')]).toEqual([
      206,
      'b',
      'bytes 1-1/3',
    ])
    expect(
      (await send(sandbox, 'GET', '/files?path=f', undefined, { range: 'bytes=7-' })).status,
    ).toBe(416)
    expect((await send(sandbox, 'GET', '/files?path=none')).status).toBe(404)
    expect((await send(sandbox, 'GET', '/files?path=.')).status).toBe(400)
  })

  test('of which the client breaks off end their request alone', async () => {
    const sandbox = await create()
    const { asked } = begin(
      sandbox,
      'files?path=half',
      {},
      { 'content-type': 'application/octet-stream', 'content-length': '1000' },
    )
    asked.destroy()
    const files = Array.from({ length: 3 }, (_, index) => `part-${index}`)
    const form = new FormData()
    for (const name of files) form.append('file', new Blob([name]), name)
    expect((await send(sandbox, 'POST', '/files', form)).status).toBe(200)
    const json = JSON.stringify({ source_paths: files, destination: 'd/whole' })
    const composed = await send(sandbox, 'POST', '/files/compose', json, {
      'content-type': 'application/json',
    })
    expect(await composed.json()).toEqual({
      name: 'whole',
      path: '/home/user/d/whole',
      type: 'file',
    })
    expect((await run(sandbox, 'cat d/whole; ls part-* | wc -l')).stdout).toBe(
      'part-0part-1part-20\n',
    )
    const again = await send(sandbox, 'POST', '/files/compose', json, {
      'content-type': 'application/json',
    })
    expect(again.status).toBe(404)
  })
})

test('what is asked without the token of the sandbox is refused, by every method', async () => {
  const sandbox = await create()
  const thief = { ...sandbox, envdAccessToken: 'x'.repeat(48) }
  const methods = [
    'Start',
    'Connect',
    'List',
    'Update',
    'StreamInput',
    'SendInput',
    'SendSignal',
    'CloseStdin',
  ]
  for (const method of methods) {
    const { status } = await send(
      thief,
      'POST',
      `/process.Process/${method}`,
      frame(SLEEP),
      CONNECT,
    )
    expect([method, status]).toEqual([method, 401])
  }
  const others = [
    'Stat',
    'ListDir',
    'MakeDir',
    'Move',
    'Remove',
    'WatchDir',
    'CreateWatcher',
    'GetWatcherEvents',
    'RemoveWatcher',
  ]
  for (const method of others) {
    const { status } = await send(thief, 'POST', `/filesystem.Filesystem/${method}`, '{}', {
      'content-type': 'application/json',
    })
    expect([method, status]).toEqual([method, 401])
  }
  expect((await send(thief, 'GET', '/files?path=/etc/passwd')).status).toBe(401)
  expect(
    (
      await send(thief, 'POST', '/files?path=x', 'x', {
        'content-type': 'application/octet-stream',
      })
    ).status,
  ).toBe(401)
  expect(
    (await send(thief, 'POST', '/files/compose', '{}', { 'content-type': 'application/json' }))
      .status,
  ).toBe(401)
  expect((await send(thief, 'GET', '/envs')).status).toBe(401)
})
