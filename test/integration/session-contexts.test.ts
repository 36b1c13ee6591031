import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, onTestFinished, test } from 'vitest'
import { ExecutorManager } from '../../clients/typescript/src/index.ts'
import { ContextClient } from '../support/context-client.ts'
import { useManager } from '../support/manager.ts'
import { sample } from '../support/sample.ts'

sample(3)

const client = useManager({ sessionsPerCaller: 20 })

const sessions = new ContextClient(client)
const call = sessions.call.bind(sessions)
const session = sessions.session.bind(sessions)
const run = sessions.run.bind(sessions)
const value = sessions.value.bind(sessions)
const at = sessions.at.bind(sessions)
const stateOf = sessions.stateOf.bind(sessions)
const untilBusy = sessions.untilBusy.bind(sessions)

/** A context of its own for a test. */
async function context(template: string, more = {}): Promise<string> {
  const id = await sessions.context(template, more)
  onTestFinished(async () => void (await call('DELETE', await at(template, id))))
  return id
}

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

describe('Python', () => {
  test('keeps variables, imports and functions from run to run', async () => {
    expect(await value('python', 'x = 6\nimport math\ndef f(): return x')).toBe(null)
    expect(await value('python', 'math.floor(f()) * 7')).toBe('42')
    expect(await value('python', 'import asyncio\nawait asyncio.sleep(0)\n_')).toBe('42')
  })

  test('tells of output, displays and errors as a run does', async () => {
    const told = await run('python', 'print("a"); display(6)\n\n1/0')
    expect(told).toMatchObject({
      status: 'failed',
      exit_code: 1,
      stdout: 'a\n',
      displays: [{ 'text/plain': '6' }],
      error: { name: 'ZeroDivisionError', message: 'division by zero', line: 3 },
      detail: 'The program failed with ZeroDivisionError in line 3.',
    })
    expect(told.error?.traceback).not.toContain('kernel.py')
    const code = 'import matplotlib.pyplot as plt\nplt.plot([1, 2]); plt.show()'
    const [figure] = (await run('python', code)).displays
    expect(figure).toHaveProperty('image/png')
  })

  test('takes input, files, arguments and other modes', async () => {
    expect(await value('python', 'input()', { stdin: 'typed\n' })).toBe("'typed'")
    const { error } = await run('python', 'input()')
    expect(error).toMatchObject({ name: 'EOFError' })
    const files = [{ path: 'in/a.txt', content: 'of a file' }]
    const open = 'open("/home/user/in/a.txt").read()'
    expect(await value('python', open, { files })).toBe("'of a file'")
    const script = { mode: 'script', argv: ['a'] }
    expect(await run('python', 'import sys; y = sys.argv[1]; y', script)).toMatchObject({
      status: 'succeeded',
      result: null,
    })
    const called = { mode: 'function', arguments: { n: 2 } }
    expect(await run('python', 'def main(n): return [n, y]', called)).toMatchObject({
      result: [2, 'a'],
    })
  })

  test('is interrupted, and keeps its state', async () => {
    const id = await context('python')
    await run('python', 'x = 1', { context: id })
    const long = run('python', 'x = 2\nwhile True: pass', { context: id })
    await untilBusy('python', id)
    await expect
      .poll(async () => {
        await call('POST', await at('python', id, '/interrupt'))
        return stateOf('python', id)
      })
      .toBe('idle')
    expect(await long).toMatchObject({
      status: 'failed',
      error: { name: 'KeyboardInterrupt' },
      context_lost: false,
    })
    expect(await value('python', 'x', { context: id })).toBe('2')
    const idle = await call('POST', await at('python', id, '/interrupt'))
    expect(idle.json()).toEqual({ interrupted: false })
  })

  test('is interrupted at its time, at too much output and by DELETE of a run', async () => {
    const id = await context('python')
    await run('python', 'x = 1', { context: id })
    const long = 'import time; time.sleep(1000)'
    expect(await run('python', long, { context: id, wall_ms: 300 })).toMatchObject({
      status: 'timed_out',
      context_lost: false,
      detail: expect.stringContaining('keeps its variables'),
    })
    expect(await run('python', 'while True: print("y" * 1000)', { context: id })).toMatchObject({
      status: 'output_limit',
      stdout_truncated: true,
      context_lost: false,
    })
    const response = await fetch(`${client.url}/v1/sessions/${await session('python')}/runs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
      body: JSON.stringify({ code: 'print("on", flush=True)\nwhile True: pass', context: id }),
    })
    let text = ''
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      text += Buffer.from(chunk)
      const began = /event: started\ndata: \{"id":"([^"]*)"/.exec(text)?.[1]
      if (text.includes('event: stdout') && !text.includes('event: done')) {
        await call('DELETE', `/${await session('python')}/runs/${began}`)
      }
    }
    const names = [...text.matchAll(/^event: (.*)$/gm)].map(([, name]) => name)
    expect([...new Set(names)]).toEqual(['started', 'stdout', 'stderr', 'done'])
    expect(text).toContain('"name":"KeyboardInterrupt"')
    expect(await value('python', 'x', { context: id })).toBe('1')
    expect((await call('DELETE', `/${await session('python')}/runs/none`)).status).toBe(404)
  })

  test('that does not heed the interrupt is ended, and says that its variables are lost', async () => {
    const id = await context('python')
    const code = 'import signal; signal.signal(2, signal.SIG_IGN)\nwhile True: pass'
    const told = await run('python', code, { context: id, wall_ms: 200 })
    expect(told).toMatchObject({ status: 'timed_out', context_lost: true })
    expect(told.detail).toMatch(/did not end within .* variables are lost/)
    expect(await stateOf('python', id)).toBe('lost')
    const after = await run('python', '1', { context: id })
    expect(after).toMatchObject({ status: 'succeeded', execution_count: 1 })
    expect(after.detail).toContain('started anew')
  })
})

describe('Node.js', () => {
  test('keeps variables of JavaScript and TypeScript', async () => {
    expect(await value('nodejs', 'const x = 6; let y: number = 7')).toBe(null)
    expect(await value('nodejs', 'await Promise.resolve(x * y)', { language: 'ts' })).toBe('42')
    expect(await run('nodejs', '\nthrow new TypeError("no")')).toMatchObject({
      status: 'failed',
      error: { name: 'TypeError', message: 'no', line: 2 },
    })
    const called = { mode: 'function', arguments: { n: 2 } }
    expect(
      await run('nodejs', 'async function main({ n }) { return [n, x] }', called),
    ).toMatchObject({ result: [2, 6] })
  })

  test('goes on with timers and servers between runs', async () => {
    const server = `
      let ticks = 0; setInterval(() => ticks++, 1)
      const server = require('node:http').createServer((_, reply) => reply.end('served'))
      await new Promise((resolve) => server.listen(8000, '127.0.0.1', resolve))`
    await run('nodejs', server)
    await expect.poll(() => value('nodejs', 'ticks > 3')).toBe('true')
    expect(await value('nodejs', "await (await fetch('http://127.0.0.1:8000')).text()")).toBe(
      "'served'",
    )
  })

  test.each([['for (;;);'], ['await new Promise(() => {})'], ['for (;;) {}\nawait 1']])(
    'is interrupted in %j',
    async (code) => {
      await run('nodejs', 'globalThis.kept = 5')
      expect(await run('nodejs', code, { wall_ms: 300 })).toMatchObject({
        status: 'timed_out',
        context_lost: false,
      })
      expect(await value('nodejs', 'kept')).toBe('5')
    },
  )
})

describe('bash', () => {
  test('keeps variables, functions and the folder', async () => {
    await run('bash', 'x=5; declare -a a=(1 2); cd /tmp; f() { echo "f $1"; }')
    const code = 'f $x; echo $PWD $a $1; read y; echo got $y'
    expect(await run('bash', code, { stdin: 'input', argv: ['p q'] })).toMatchObject({
      status: 'succeeded',
      stdout: 'f 5\n/tmp 1 p q\ngot input\n',
      stderr: '',
    })
  })

  test('tells how a script ended', async () => {
    expect(await run('bash', 'echo out; echo err >&2; (exit 3)')).toMatchObject({
      status: 'failed',
      exit_code: 3,
      stdout: 'out\n',
      stderr: 'err\n',
    })
    expect(await run('bash', `echo ${'x'.repeat(40_000)}`)).toMatchObject({ status: 'succeeded' })
    const id = await context('bash')
    expect(await run('bash', 'exit 4', { context: id })).toMatchObject({
      exit_code: 4,
      context_lost: true,
    })
  })

  test('is interrupted with what it runs', async () => {
    await run('bash', 'kept=1')
    for (const code of [
      'sleep 1000; echo no',
      'while :; do :; done',
      'f() { sleep 1000; }; f; f',
    ]) {
      expect(await run('bash', code, { wall_ms: 300 })).toMatchObject({
        status: 'timed_out',
        stdout: '',
        context_lost: false,
      })
    }
    expect(await run('bash', 'echo $kept')).toMatchObject({ stdout: '1\n' })
  })
})

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
