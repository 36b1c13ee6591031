import { describe, expect, test } from 'vitest'
import type { Client } from './client.ts'
import type { ContextClient } from './context-client.ts'

/** Defines tests of what runs in a context of each language do. */
export function testLanguages(client: Client, sessions: ContextClient): void {
  const { call, session, run, value, at, stateOf } = sessions
  const context = sessions.ownContext

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
      const code = 'x = 2\nopen("begun", "w").close()\nwhile True: pass'
      const long = run('python', code, { context: id })
      const begun = `/${await session('python')}/files/begun`
      await expect.poll(async () => (await call('GET', begun)).status).toBe(200)
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
}
