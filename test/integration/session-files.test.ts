import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { useManager } from '../support/manager.ts'
import { eventsIn, sessionClient, soon } from '../support/session-client.ts'

const client = useManager({ runtimes: ['bash'], sessionsPerCaller: 4 })
const { call, create, command } = sessionClient(() => client.url)
const bytes = (text: string) => new TextEncoder().encode(text)

describe('files of a session', () => {
  test('are told of, moved and made', async () => {
    const id = await create()
    await call('PUT', `/${id}/files/a.txt`, bytes('one'))
    expect((await call('GET', `/${id}/files/a.txt?depth=0`)).json()).toMatchObject({
      path: 'a.txt',
      type: 'file',
      mode: '644',
      size: 3,
    })
    expect((await call('POST', `/${id}/folders`, { path: 'x/y/z' })).status).toBe(204)
    expect((await call('GET', `/${id}/files/x/y?depth=0`)).json()).toMatchObject({ type: 'folder' })
    const move = { from: 'a.txt', to: '/tmp/new/b.txt' }
    expect((await call('POST', `/${id}/moves`, move)).status).toBe(204)
    expect((await call('POST', `/${id}/moves`, move)).status).toBe(404)
    expect((await call('GET', `/${id}/files//tmp/new/b.txt`)).text).toBe('one')
    expect((await call('POST', `/${id}/folders`, { path: '/etc/x' })).status).toBe(403)
    expect((await call('POST', `/${id}/folders`, { path: 'a\0b' })).status).toBe(400)
    await command(id, 'ln -s /etc/passwd link')
    expect((await call('GET', `/${id}/files/link?depth=0`)).json()).toMatchObject({
      type: 'link',
      target: '/etc/passwd',
    })
    expect((await call('GET', `/${id}/files/link?depth=65`)).status).toBe(400)
  })

  test('are read in parts, and with their length', async () => {
    const id = await create()
    await call('PUT', `/${id}/files/ten`, bytes('0123456789'))
    const read = (path: string, range?: string) =>
      call('GET', `/${id}/files/${path}`, undefined, range ? { range } : {})
    const whole = await read('ten')
    expect([whole.status, whole.text]).toEqual([200, '0123456789'])
    expect(whole.headers.get('content-length')).toBe('10')
    expect(whole.headers.get('accept-ranges')).toBe('bytes')
    const part = await read('ten', 'bytes=2-5')
    expect([part.status, part.text]).toEqual([206, '2345'])
    expect(part.headers.get('content-range')).toBe('bytes 2-5/10')
    expect((await read('ten', 'bytes=-3')).text).toBe('789')
    const none = await read('ten', 'bytes=10-')
    expect(none.status).toBe(416)
    expect(none.headers.get('content-range')).toBe('bytes */10')
    // Their length is not known before: a link, a file that the kernel makes up, an empty one.
    await command(id, 'ln -s ten link; touch empty')
    expect((await read('link', 'bytes=2-5')).text).toBe('0123456789')
    expect((await read('/proc/self/status')).text).toContain('Name:')
    expect(await read('empty')).toMatchObject({ status: 200, text: '' })
  })

  test('go in and out as archives', async () => {
    const id = await create()
    await command(
      id,
      'mkdir -p d/e; seq 1 100000 > d/e/numbers; ln -s e/numbers d/link; chmod 700 d/e',
    )
    const down = await fetch(`${client.url}/v1/sessions/${id}/archive?path=d`)
    expect(down.headers.get('content-disposition')).toContain('filename="d.tar"')
    const archive = new Uint8Array(await down.arrayBuffer())
    const folder = mkdtempSync(path.join(tmpdir(), 'session-files-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    execFileSync('tar', ['-xf', '-', '-C', folder], { input: archive })
    expect(statSync(path.join(folder, 'e/numbers')).size).toBe(588_895)
    expect((await call('PUT', `/${id}/archive?path=new/place`, archive)).status).toBe(204)
    expect(await command(id, 'diff -r d new/place && stat -c %a new/place/e')).toMatchObject({
      stdout: '700\n',
    })
    const evil = execFileSync('tar', ['-cPf', '-', '--transform=s,.*,../../evil,', '/etc/hostname'])
    expect(
      (await call('PUT', `/${id}/archive?path=new`, new Uint8Array(evil))).json(),
    ).toMatchObject({
      status: 400,
      detail: 'The archive has a path that leads out of the folder.',
    })
    expect((await call('PUT', `/${id}/archive`, bytes('no archive'))).status).toBe(400)
    expect((await call('GET', `/${id}/archive?path=none`)).status).toBe(404)
  })

  test('are watched', async () => {
    const id = await create()
    await command(id, 'mkdir w')
    const controller = new AbortController()
    const response = await fetch(`${client.url}/v1/sessions/${id}/watch?path=w&depth=3`, {
      signal: controller.signal,
    })
    let text = ''
    const reading = (async () => {
      for await (const chunk of response.body ?? []) text += Buffer.from(chunk).toString()
    })().catch(() => {})
    const seen = (event: string, changed?: string) => () =>
      eventsIn(text).some((one) => one.event === event && one.data.path === changed)
    await soon(seen('begun')).toBe(true)
    await command(id, 'echo x > w/f; chmod 600 w/f; mkdir -p w/a/b; echo y > w/a/b/g')
    await soon(seen('created', 'f')).toBe(true)
    await soon(seen('written', 'f')).toBe(true)
    await soon(seen('attributes', 'f')).toBe(true)
    await soon(seen('created', 'a/b/g')).toBe(true)
    await command(id, 'mv w/f w/h; rm w/h')
    await soon(seen('moved_away', 'f')).toBe(true)
    await soon(seen('removed', 'h')).toBe(true)
    controller.abort()
    await reading
    expect((await call('GET', `/${id}/watch?path=none`)).status).toBe(404)
  })

  test('are read and written by signed URLs, as these say and no other way', async () => {
    const id = await create()
    const signed = async (body: object) => {
      const { status, json } = await call('POST', `/${id}/signed-urls`, body)
      expect(status).toBe(200)
      return `${client.url}${json().url}`
    }
    const name = 'a b/ü#?%.txt'
    const [get, put] = await Promise.all(
      ['GET', 'PUT'].map((method) => signed({ method, path: name })),
    )
    const page = { origin: 'https://other.example', 'sec-fetch-site': 'cross-site' }
    const upload = await fetch(put as string, { method: 'PUT', body: 'from a page', headers: page })
    expect(upload.status).toBe(204)
    const download = await fetch(get as string, { headers: page })
    expect(await download.text()).toBe('from a page')
    expect(download.headers.get('content-disposition')).toBe(
      `attachment; filename="_#_%.txt"; filename*=UTF-8''%C3%BC%23%3F%25.txt`.replace(
        '_#_%',
        '____',
      ),
    )
    expect(download.headers.get('access-control-allow-origin')).toBe('*')
    expect(download.headers.get('content-security-policy')).toContain('sandbox')
    const preflight = { ...page, 'access-control-request-method': 'PUT' }
    const asked = await fetch(put as string, { method: 'OPTIONS', headers: preflight })
    expect(asked.status).toBe(204)
    expect(asked.headers.get('access-control-allow-methods')).toContain('PUT')
    const other = await create()
    for (const [url, method] of [
      [get, 'PUT'],
      [put, 'GET'],
      [get, 'DELETE'],
      [get?.replace('a%20b', 'a%20c'), 'GET'],
      [get?.replace(id, other), 'GET'],
      [get?.replace(/expires=1/, 'expires=2'), 'GET'],
      [get?.replace(/signature=.{4}/, 'signature=AAAA'), 'GET'],
      [get?.replace(/signature=.*/, 'signature='), 'GET'],
    ] as const) {
      const init = { method, headers: page, ...(method === 'PUT' && { body: 'x' }) }
      expect((await fetch(url as string, init)).status).toBe(403)
    }
    const short = await signed({ method: 'GET', path: name, ttl_ms: 1000 })
    await soon(async () => (await fetch(short, { headers: page })).status).toBe(403)
    expect((await call('POST', '/none/signed-urls', { path: 'x' })).status).toBe(404)
    expect((await call('POST', `/${id}/signed-urls`, { path: 'x', port: 1 })).status).toBe(400)
  })
})
