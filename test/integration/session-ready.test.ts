import { expect, test } from 'vitest'
import { scaledMs } from '../../src/lib/time-scale.ts'
import { ContextClient } from '../support/context-client.ts'
import { useManager } from '../support/manager.ts'

const client = useManager({ runtimes: ['python'], readySessions: 1, sessionsPerCaller: 8 })
const sessions = new ContextClient(client)

/** Sandboxes of Python that wait for a session, as the status tells. */
async function readyCount(): Promise<number> {
  const status = (await (await fetch(`${client.url}/v1/status`)).json()) as {
    executors: { pool: string; count: number }[]
  }
  return status.executors.find(({ pool }) => pool === 'session-python')?.count ?? -1
}

/** Creates a session of a sandbox that was ready. */
async function createReady(more = {}, isStarted = true): Promise<string> {
  await expect.poll(readyCount, { timeout: scaledMs(60_000) }).toBe(1)
  const id = await sessions.create('python', more)
  // Its interpreter runs already, where it can be told of the environment.
  const command = "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"
  const { json } = await sessions.call('POST', `/${id}/commands`, { command })
  expect(json().stdout.includes('/kernel.py')).toBe(isStarted)
  return id
}

async function valueIn(id: string, code: string): Promise<string> {
  const { status, text, json } = await sessions.call('POST', `/${id}/runs`, { code })
  expect(status, text).toBe(200)
  expect(json(), text).toMatchObject({
    status: 'succeeded',
    context_lost: false,
    detail: 'The program ended well.',
  })
  return json().result['text/plain']
}

test('a sandbox is made ready after a session of its template, and is like a new one', async () => {
  expect(await readyCount()).toBe(-1)
  const first = await sessions.create('python')
  const second = await createReady({ env: { WORD: 'a=b ü', TZ: 'Asia/Tokyo' } })
  expect((await sessions.call('GET', `/${second}/contexts`)).json()).toEqual({ contexts: [] })
  const seen = await valueIn(
    second,
    'import os, time; os.environ["WORD"], time.tzname[0], __name__, In[:1]',
  )
  expect(seen).toBe("('a=b ü', 'JST', '__main__', [''])")
  expect(await valueIn(second, 'import subprocess; subprocess.getoutput("echo $WORD")')).toBe(
    "'a=b ü'",
  )
  const { contexts } = (await sessions.call('GET', `/${second}/contexts`)).json()
  expect(contexts).toMatchObject([{ id: 'python', state: 'idle', execution_count: 2 }])
  const drawn = `import random, uuid, secrets, hashlib, tempfile, ssl
[random.random(), uuid.uuid4().hex, secrets.token_hex(),
 hash('word'), open('/dev/urandom', 'rb').read(8), next(tempfile._get_candidate_names()), ssl.RAND_bytes(8), id(object)]`
  const draws = await Promise.all([first, second].map((id) => valueIn(id, drawn)))
  const [one, other] = draws.map((text) => text.slice(1, -1).split(/, (?=['"b\d-])/))
  expect(one).toHaveLength(other?.length ?? 0)
  const same = one?.filter((value, index) => value !== "''" && value === other?.[index])
  expect(same).toEqual([])
})

test('variables that Python reads when it starts are there for it, too', async () => {
  const id = await createReady({ env: { PYTHONPATH: '/tmp/own' } }, false)
  expect(await valueIn(id, 'import sys; "/tmp/own" in sys.path')).toBe('True')
})

test('a ready sandbox that sleeps on disk before its first run goes on', async () => {
  const id = await createReady()
  expect((await sessions.call('POST', `/${id}/pause`)).json().state).toBe('hibernated')
  expect(await valueIn(id, 'x = 6; x * 7')).toBe('42')
  const forked = (await sessions.call('POST', `/${id}/fork`, { count: 2 })).json().sessions
  const code = 'import random, uuid; (x, random.random(), uuid.uuid4().hex)'
  const values = await Promise.all(forked.map((copy: { id: string }) => valueIn(copy.id, code)))
  expect(values[0]).toMatch(/^\(6, /)
  expect(values[0]).not.toBe(values[1])
})
