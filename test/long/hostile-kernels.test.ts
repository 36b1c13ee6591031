import { describe, expect, test } from 'vitest'
import { ContextClient } from '../support/context-client.ts'
import { useManager } from '../support/manager.ts'

/** What user code does to the kernel that runs it: it may lose its own context, told as that, and nothing else. */

const client = useManager({ sessionsPerCaller: 20, runtimes: ['python', 'nodejs', 'bash'] })
const sessions = new ContextClient(client)

const forged = (type: number, payload: string) =>
  `import os, struct; p = ${payload}; os.write(199, struct.pack("<IB", len(p), ${type}) + p)`

/** Programs that end their context, and how they are told to have ended. */
const BREAKING: readonly (readonly [what: string, code: string, status: string])[] = [
  ['writes noise to its control pipe', 'import os; os.write(199, b"\\xff" * 100)', 'failed'],
  ['forges the end of a run', forged(10, 'b"0" * 16 + b"\\0"'), 'failed'],
  ['forges an end that is too short', forged(10, 'b"0"'), 'failed'],
  ['forges a ready', forged(1, 'b""'), 'failed'],
  ['shows what is no bundle', forged(8, 'b"[1]"'), 'failed'],
  ['says a frame of no type', forged(77, 'b"x"'), 'failed'],
  [
    'begins a frame that is too long',
    'import os; os.write(199, b"\\xff\\xff\\xff\\x7f\\x03")',
    'output_limit',
  ],
  ['closes everything', 'import os; os.closerange(0, 1024)', 'failed'],
  ['closes its control pipe and goes on', 'import os; os.close(199)\nwhile True: pass', 'failed'],
  ['ends its process', 'import os; os._exit(7)', 'failed'],
  ['kills its process', 'import os; os.kill(os.getpid(), 9)', 'failed'],
  ['kills its group', 'import os; os.killpg(0, 9)', 'failed'],
  ['stops its process', 'import os, signal; os.kill(os.getpid(), signal.SIGSTOP)', 'timed_out'],
  [
    'ignores interrupts',
    'import signal; signal.signal(2, signal.SIG_IGN)\nwhile True: pass',
    'timed_out',
  ],
  [
    'catches interrupts',
    'while True:\n  try:\n    while True: pass\n  except BaseException: pass',
    'timed_out',
  ],
  [
    'forks one that keeps all its pipes, and dies',
    'import os, time\nif os.fork() == 0:\n  os.setsid(); time.sleep(1000)\nos._exit(0)',
    'succeeded',
  ],
]

describe('a program', () => {
  test.each(BREAKING)('that %s loses its context', async (_, code, status) => {
    const context = await sessions.context('python')
    const other = await sessions.context('python')
    await sessions.run('python', 'kept = 1', { context: other })
    const told = await sessions.run('python', code, { context, wall_ms: 1500 })
    expect(told).toMatchObject({ status, context_lost: true })
    expect(told.detail).toContain('variables are lost')
    expect(await sessions.stateOf('python', context)).toBe('lost')
    // It begins anew, and says so; the others have seen nothing of it.
    const again = await sessions.run('python', 'kept = 2; kept', { context })
    expect(again).toMatchObject({ status: 'succeeded', execution_count: 1 })
    expect(again.detail).toContain('started anew')
    expect(await sessions.value('python', 'kept', { context: other })).toBe('1')
    for (const one of [context, other]) {
      await sessions.call('DELETE', await sessions.at('python', one))
    }
  })

  test.each([
    ['floods its output', 'while True: print("y" * 10000)', 'output_limit'],
    ['shows without end', 'while True: display("y" * 1000)', 'output_limit'],
    ['raises in its display', 'class A:\n  def __repr__(self): 1/0\nA()', 'succeeded'],
    ['raises what is no error in its display', 'class A:\n  def __repr__(self): exit(3)\nA()', ''],
    ['forks, and both go on', 'import os; os.fork()', 'succeeded'],
    ['closes its input', 'import os; os.close(0)', 'succeeded'],
    ['reads its own tasks', 'import os\nwhile True: os.read(198, 100)', 'timed_out'],
  ])('that %s keeps its context', async (_, code, status) => {
    const context = await sessions.context('python')
    await sessions.run('python', 'kept = 1', { context })
    const told = await sessions.run('python', code, {
      context,
      wall_ms: status === 'timed_out' ? 500 : 20_000,
    })
    if (status) expect(told.status).toBe(status)
    expect(told.context_lost).toBe(false)
    expect(await sessions.value('python', 'kept', { context })).toBe('1')
    expect(await sessions.value('python', 'kept + 1', { context })).toBe('2')
    await sessions.call('DELETE', await sessions.at('python', context))
  })

  test('that speaks between runs loses its context', async () => {
    const context = await sessions.context('python')
    const code =
      'import threading, time, os\nthreading.Timer(0.3, lambda: os.write(199, b"x" * 50)).start()'
    await sessions.run('python', code, { context })
    await expect.poll(() => sessions.stateOf('python', context)).toBe('lost')
  })

  test('whose threads show and print between runs is told of it with the next one', async () => {
    const context = await sessions.context('python')
    const code =
      'import threading\ndef show(): display("shown"); print("printed", flush=True); done.set()\n' +
      'done = threading.Event(); threading.Timer(0.3, show).start()'
    await sessions.run('python', code, { context })
    await new Promise((resolve) => setTimeout(resolve, 600))
    const told = await sessions.run('python', 'done.wait(); print("next")', { context })
    expect(told.stdout).toMatch(/shown.*printed.*next/s)
    expect(told).toMatchObject({ status: 'succeeded', displays: [], context_lost: false })
  })

  test.each([
    ['nodejs', 'require("fs").writeSync(199, "x".repeat(100))', 'failed'],
    ['nodejs', 'process.exit(3)', 'failed'],
    [
      'nodejs',
      'await 1; process.removeAllListeners("SIGINT"); await new Promise(() => {})',
      'timed_out',
    ],
    ['bash', 'printf xxxxxxxxxxxxxxxx >&199', 'failed'],
    ['bash', 'exec 199>&-', 'failed'],
    ['bash', 'PROMPT_COMMAND=', 'timed_out'],
    ['bash', 'trap "" INT; while :; do :; done', 'timed_out'],
    ['bash', 'set -e; false', 'failed'],
  ])('of %s: %s', async (template, code, status) => {
    const context = await sessions.context(template)
    expect(await sessions.run(template, code, { context, wall_ms: 1500 })).toMatchObject({
      status,
      context_lost: true,
    })
    const again = await sessions.run(template, template === 'bash' ? 'echo 1' : '1', { context })
    expect(again.status).toBe('succeeded')
    await sessions.call('DELETE', await sessions.at(template, context))
  })

  test('that kills the supervisor loses its session alone', async () => {
    const id = await sessions.create('python')
    const told = await sessions.call('POST', `/${id}/runs`, { code: 'import os; os.kill(1, 9)' })
    expect(told.json()).toMatchObject({ status: 'lost', context_lost: true })
    const { status } = await sessions.call('POST', `/${id}/runs`, { code: '1' })
    expect(status).toBe(410)
    expect(await sessions.value('python', '1')).toBe('1')
  })
})
