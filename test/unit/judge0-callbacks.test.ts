import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { Callbacks, MAX_CALLBACKS } from '../../src/api/judge0/callbacks.ts'

const policy = { public: false, names: [], ranges: ['127.0.0.1'] }
const never = new Promise<boolean>(() => {})

async function receive(answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const server = createServer(answer).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
}

test('a caller has so many callbacks that wait, and no more', async () => {
  const callbacks = new Callbacks(policy)
  const body = async () => null
  let end = (_isWanted: boolean) => {}
  const ended = new Promise<boolean>((resolve) => {
    end = resolve
  })
  for (let count = 0; count < MAX_CALLBACKS; count++) {
    callbacks.add('one', { token: `${count}`, url: 'http://127.0.0.1:1/', ended, body })
  }
  expect(() => callbacks.assertRoom('one', 1)).toThrow(/wait/)
  callbacks.assertRoom('other', 20)
  end(false)
  await expect.poll(() => isFull(callbacks, MAX_CALLBACKS), { timeout: 30_000 }).toBe(false)
  callbacks.add('one', { token: 'a', url: 'http://127.0.0.1:1/', ended: never, body })
  expect(isFull(callbacks, MAX_CALLBACKS)).toBe(true)
  expect(isFull(callbacks, MAX_CALLBACKS - 1)).toBe(false)
})

test('what waits behind a receiver that never answers goes with its submission', async () => {
  const taken: string[] = []
  const url = await receive((request) => {
    request.resume()
    taken.push(request.url ?? '')
  })
  const callbacks = new Callbacks(policy)
  const add = (token: string) =>
    callbacks.add('one', {
      ...{ token, url: `${url}${token}`, ended: Promise.resolve(true) },
      body: async () => '{}',
    })
  for (let count = 0; count < MAX_CALLBACKS; count++) add(`${count}`)
  await expect.poll(() => taken, { timeout: 30_000 }).toEqual(['/0'])
  expect(isFull(callbacks, 1)).toBe(true)
  for (let count = 1; count < MAX_CALLBACKS; count++) callbacks.drop('one', `${count}`)
  expect(isFull(callbacks, MAX_CALLBACKS - 1)).toBe(false)
  callbacks.stop()
})

test('callbacks are sent one after the other, and one that fails holds up no other', async () => {
  const taken: string[] = []
  const url = await receive((request, response) => {
    taken.push(request.url ?? '')
    request.resume()
    response.end()
  })
  const callbacks = new Callbacks(policy)
  const add = (token: string, body: () => Promise<string | null>) =>
    callbacks.add('one', { token, url: `${url}${token}`, ended: Promise.resolve(true), body })
  add('a', async () => '{}')
  add('b', () => Promise.reject(new Error('gone')))
  add('c', async () => '{}')
  await expect.poll(() => taken, { timeout: 30_000 }).toEqual(['/a', '/c'])
  await expect.poll(() => isFull(callbacks, MAX_CALLBACKS), { timeout: 30_000 }).toBe(false)
})

function isFull(callbacks: Callbacks, more: number): boolean {
  try {
    callbacks.assertRoom('one', more)
    return false
  } catch {
    return true
  }
}
