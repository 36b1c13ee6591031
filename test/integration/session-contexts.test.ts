import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { ExecutorManager } from '../../clients/typescript/src/index.ts'
import { ContextClient } from '../support/context-client.ts'
import { useManager } from '../support/manager.ts'
import { sample } from '../support/sample.ts'
import { testLanguages } from '../support/session-languages.ts'

sample(3)

const client = useManager({ sessionsPerCaller: 20 })

const sessions = new ContextClient(client)
const { call, session, run, value, at, untilBusy } = sessions
const context = sessions.ownContext

describe('a context', () => {
  test('is made, listed, told and removed', async () => {
    const id = await context('bash', { cwd: '/tmp', env: { WORD: 'x' } })
    expect((await call('GET', await at('bash', id))).json()).toEqual({
      id,
      language: 'bash',
      state: 'new',
      cwd: '/tmp',
      execution_count: 0,
      waiting: 0,
      created_at: expect.any(String),
    })
    expect(await run('bash', 'echo $WORD in $PWD', { context: id })).toMatchObject({
      status: 'succeeded',
      stdout: 'x in /tmp\n',
      context: id,
      execution_count: 1,
      context_lost: false,
    })
    const { contexts } = (await call('GET', `/${await session('bash')}/contexts`)).json()
    expect(contexts.map((one: { id: string }) => one.id)).toContain(id)
    expect((await call('DELETE', await at('bash', id))).status).toBe(204)
    expect((await call('GET', await at('bash', id))).status).toBe(404)
    const gone = await call('POST', `/${await session('bash')}/runs`, { code: '', context: id })
    expect(gone.status).toBe(404)
  })

  test('has variables of its own, and files with all others', async () => {
    const [one, other] = [await context('python'), await context('python')]
    await run('python', 'x = 1; open("shared", "w").write("f")', { context: one })
    await run('python', 'x = 2', { context: other })
    expect(await value('python', 'x', { context: one })).toBe('1')
    expect(await value('python', '(x, open("shared").read())', { context: other })).toBe("(2, 'f')")
  })

  test('runs one after the other in the order that they came, or refuses', async () => {
    const id = await context('python')
    await run('python', 'seen = []', { context: id })
    const slow = run('python', 'import time; time.sleep(0.5); seen.append(0)', { context: id })
    await untilBusy('python', id)
    const body = { code: '1', context: id, wait: false }
    const refused = await call('POST', `/${await session('python')}/runs`, body)
    expect(refused).toMatchObject({ status: 409 })
    expect(refused.json().type).toBe('/problems/context-busy')
    const after = []
    for (const n of [1, 2, 3]) {
      after.push(run('python', `seen.append(${n})`, { context: id }))
      await expect
        .poll(async () => (await call('GET', await at('python', id))).json().waiting)
        .toBe(n)
    }
    await Promise.all([slow, ...after])
    expect(await value('python', 'seen', { context: id })).toBe('[0, 1, 2, 3]')
  })

  test('begins anew by a restart, which ends what runs', async () => {
    const id = await context('python')
    await run('python', 'x = 1', { context: id })
    const long = run('python', 'import time; time.sleep(1000)', { context: id })
    await untilBusy('python', id)
    const restarted = await call('POST', await at('python', id, '/restart'))
    expect(restarted.json()).toMatchObject({ state: 'idle', execution_count: 0 })
    expect(await long).toMatchObject({ status: 'failed', signal: 'SIGKILL', context_lost: true })
    const { error, detail } = await run('python', 'x', { context: id })
    expect(error).toMatchObject({ name: 'NameError' })
    expect(detail).not.toContain('anew')
  })

  test('says what it cannot run', async () => {
    const id = await session('bash')
    for (const [body, status, words] of [
      [{ code: 'x', language: 'cobol' }, 404, 'languages: bash'],
      [{ code: 'x', context: 'none' }, 404, 'none'],
      [{ code: 'x', mode: 'function' }, 400, 'mode'],
      [{ code: 'x', nonsense: 1 }, 400, 'nonsense'],
      [{ code: 'x', files: [{ path: '../x', content: '' }] }, 400, 'files[0].path'],
    ] as const) {
      const told = await call('POST', `/${id}/runs`, body)
      expect(told.status).toBe(status)
      expect(told.json().detail).toContain(words)
    }
    const told = await call('POST', `/${await session('nodejs')}/runs`, { code: '1', stdin: 'x' })
    expect(told.json().detail).toContain('stdin')
  })
})

testLanguages(client, sessions)

test('the client in TypeScript runs, streams, interrupts and restarts', async () => {
  const one = await new ExecutorManager({ url: client.url }).sessions.create({ template: 'python' })
  try {
    await one.run('x = 6')
    expect((await one.run('x * 7')).result).toEqual({ 'text/plain': '42' })
    const seen: string[] = []
    for await (const { event, data } of one.stream(
      'import time; print(1, flush=True)\ntime.sleep(1000)',
    )) {
      seen.push(event)
      if (event === 'stdout') expect(await one.interrupt('python')).toBe(true)
      if (event === 'done') expect(data.error?.name).toBe('KeyboardInterrupt')
    }
    expect(seen).toContain('started')
    const made = await one.contexts.create({ language: 'python', cwd: '/tmp' })
    expect((await one.run('x', { context: made.id })).error?.name).toBe('NameError')
    expect((await one.contexts.restart(made.id)).state).toBe('idle')
    await one.contexts.delete(made.id)
    expect((await one.contexts.list()).map(({ id }) => id)).toEqual(['python'])
  } finally {
    await one.delete()
  }
})

test('the document shows what runs answer', async () => {
  const text = readFileSync(path.join(import.meta.dirname, '../../docs/sessions.md'), 'utf8')
  const examples = [...text.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, code = '']) => code)
  const example = examples.find((code) => code.includes('/runs')) ?? ''
  const lines = example.replaceAll('http://127.0.0.1:9385', client.url)
  const { stdout } = await promisify(execFile)('bash', ['-c', lines])
  expect(JSON.parse(stdout)).toMatchObject({
    status: 'succeeded',
    execution_count: 2,
    result: { 'text/plain': '42' },
  })
})

describe('contexts of a session', () => {
  test('go on when it was frozen, or asleep on disk', async () => {
    const id = await session('python')
    await run('python', 'slept = 7; import threading, time')
    expect((await call('POST', `/${id}/pause`)).json().state).toBe('hibernated')
    const { contexts } = (await call('GET', `/${id}/contexts`)).json()
    expect(contexts).toContainEqual(expect.objectContaining({ id: 'python', state: 'idle' }))
    expect((await call('GET', `/${id}`)).json().state).toBe('hibernated')
    expect(await value('python', 'slept')).toBe('7')
  })

  test('are nobody else’s', async () => {
    for (const [method, path, body] of [
      ['GET', 'contexts'],
      ['POST', 'contexts', { language: 'bash' }],
      ['GET', 'contexts/bash'],
      ['DELETE', 'contexts/bash'],
      ['POST', 'contexts/bash/interrupt'],
      ['POST', 'contexts/bash/restart'],
      ['POST', 'runs', { code: 'x' }],
      ['DELETE', 'runs/x'],
    ] as const) {
      expect((await call(method, `/none/${path}`, body)).status, `${method} ${path}`).toBe(404)
    }
  })
})
