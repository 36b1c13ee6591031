import { once } from 'node:events'
import { expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { ApiKeys } from '../../src/api/api-keys.ts'
import { useManager } from '../support/manager.ts'
import { sessionClient } from '../support/session-client.ts'

const [ANN, BOB] = ['ann-0123456789abcdef', 'bob-0123456789abcdef']
const keys = ApiKeys.parse(`ann:${ANN},bob:${BOB}`) as ApiKeys
const client = useManager({ runtimes: ['bash'], sessionsPerCaller: 3, keys })
const { call, create } = sessionClient(() => client.url)
const as = (key: string) => ({ authorization: `Bearer ${key}` })
const bytes = new TextEncoder().encode('evil')

test('by no verb does a caller reach the session of another', async () => {
  const id = await create({}, as(ANN))
  await call('PUT', `/${id}/files/secret`, new TextEncoder().encode('secret of ann'), as(ANN))
  const started = await call(
    'POST',
    `/${id}/commands`,
    { command: 'while read x; do echo $x; done', background: true },
    as(ANN),
  )
  const command = started.json().id
  const verbs: [method: string, path: string, body?: unknown][] = [
    ['GET', ''],
    ['PATCH', '', { ttl_ms: 1000 }],
    ['DELETE', ''],
    ['POST', '/pause'],
    ['POST', '/resume'],
    ['POST', '/commands', { command: 'cat secret' }],
    ['POST', '/commands', { command: 'cat secret', background: true }],
    ['GET', '/commands'],
    ['GET', `/commands/${command}`],
    ['GET', `/commands/${command}/output`],
    ['POST', `/commands/${command}/stdin`, { text: 'evil\n' }],
    ['POST', `/commands/${command}/signal`, { signal: 'SIGKILL' }],
    ['DELETE', `/commands/${command}`],
    ['GET', '/files?depth=1'],
    ['GET', '/files/secret'],
    ['GET', '/files/secret?depth=0'],
    ['PUT', '/files/secret', bytes],
    ['DELETE', '/files/secret'],
    ['POST', '/folders', { path: 'x' }],
    ['POST', '/moves', { from: 'secret', to: 'x' }],
    ['GET', '/archive'],
    ['PUT', '/archive', bytes],
    ['GET', '/watch'],
    ['POST', '/signed-urls', { path: 'secret' }],
    ['POST', '/signed-urls', { port: 80 }],
    ['GET', '/ports/80/'],
    ['POST', '/ports/80/x', bytes],
    ['GET', '/terminal'],
  ]
  for (const [method, path, body] of verbs) {
    for (const headers of [as(BOB), {}, as('nobody-0123456789abcdef')]) {
      const { status, text } = await call(method, `/${id}${path}`, body, headers)
      const refused = 'authorization' in headers ? [401, 404, 426] : [401]
      expect(refused, `${method} ${path}`).toContain(status)
      expect(text).not.toContain('secret of ann')
    }
  }
  for (const key of [BOB, '']) {
    const address = client.url.replace('http', 'ws')
    for (const path of [
      `terminal?id=${command}&token=${key}`,
      `terminal?token=${key}`,
      'ports/80/',
    ]) {
      const webSocket = new WebSocket(`${address}/v1/sessions/${id}/${path}`)
      expect(String((await once(webSocket, 'error'))[0])).toMatch(/40[14]/)
    }
  }
  expect((await call('GET', '', undefined, as(BOB))).json().sessions).toEqual([])
  // Nothing of it has happened.
  expect((await call('GET', `/${id}/files/secret`, undefined, as(ANN))).text).toBe('secret of ann')
  const { output, status } = (
    await call('GET', `/${id}/commands/${command}`, undefined, as(ANN))
  ).json()
  expect([status, output.next_offset]).toEqual(['running', 0])
})

test('a terminal takes its key in the query, and a signed address needs none', async () => {
  const id = await create({}, as(ANN))
  const address = client.url.replace('http', 'ws')
  const webSocket = new WebSocket(`${address}/v1/sessions/${id}/terminal?token=${ANN}&command=env`)
  let shown = ''
  webSocket.on('message', (data: Buffer) => {
    shown += data
  })
  await once(webSocket, 'close')
  expect(shown).toContain('HOME=/home/user')
  expect(shown).not.toContain(ANN)
  await call('PUT', `/${id}/files/f`, bytes, as(ANN))
  const { url } = (await call('POST', `/${id}/signed-urls`, { path: 'f' }, as(ANN))).json()
  expect(await (await fetch(client.url + url)).text()).toBe('evil')
  expect((await fetch(client.url + url, { method: 'DELETE' })).status).toBe(401)
})
