import { describe, expect, test } from 'vitest'
import { useShared } from '../../support/shared-manager.ts'

/**
 * A program has its result when main has returned. What it left running may end by itself, but does
 * not hold up the answer to the time limit, and never takes the result away.
 */
const { client } = useShared()

const leftRunning: [what: string, language: string, code: string][] = [
  [
    'a thread that never ends',
    'python',
    `import threading, time
def watch():
    while True: time.sleep(0.05)
def main():
    print("out")
    threading.Thread(target=watch).start()
    return 1`,
  ],
  [
    'a thread that keeps the interpreter to itself',
    'python',
    `import re, threading, time
def late():
    time.sleep(0.2)
    re.match(r"(a+)+$", "a" * 64 + "b")
def main():
    print("out")
    threading.Thread(target=late).start()
    return 1`,
  ],
  [
    'work that an executor has not done yet',
    'python',
    `import time
from concurrent.futures import ThreadPoolExecutor
def main():
    print("out")
    pool = ThreadPoolExecutor(2)
    for _ in range(8): pool.submit(time.sleep, 60)
    return 1`,
  ],
  [
    'an executor of the event loop',
    'python',
    `import asyncio, time
async def main():
    print("out")
    asyncio.get_running_loop().run_in_executor(None, time.sleep, 60)
    return 1`,
  ],
  [
    'a task that cannot be cancelled',
    'python',
    `import asyncio
async def stubborn():
    while True:
        try: await asyncio.sleep(60)
        except asyncio.CancelledError: pass
async def main():
    print("out")
    global task
    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    return 1`,
  ],
  [
    'a child process of multiprocessing',
    'python',
    `import multiprocessing, time
def main():
    print("out")
    multiprocessing.Process(target=time.sleep, args=(60,)).start()
    return 1`,
  ],
  [
    'an exit handler that never returns',
    'python',
    `import atexit, time
def main():
    print("out")
    atexit.register(time.sleep, 60)
    return 1`,
  ],
  [
    'an interval',
    'nodejs',
    'function main() { console.log("out"); setInterval(() => {}, 20); return 1 }',
  ],
  [
    'a server',
    'nodejs',
    `const http = require('node:http')
function main() {
  console.log('out')
  return new Promise((done) => http.createServer(() => {}).listen(0, '127.0.0.1', () => done(1)))
}`,
  ],
  [
    'a worker',
    'nodejs',
    `const { Worker } = require('node:worker_threads')
function main() {
  console.log('out')
  new Worker('setInterval(() => {}, 20)', { eval: true })
  return 1
}`,
  ],
  [
    'a timer that blocks the event loop',
    'nodejs',
    'function main() { console.log("out"); setTimeout(() => { for (;;); }); return 1 }',
  ],
  [
    'a chain of promises without end',
    'nodejs',
    'function main() { console.log("out"); (async () => { for (;;) await null })(); return 1 }',
  ],
]

describe.concurrent('the result counts, whatever is left running', () => {
  test.each(leftRunning)('%s (%s)', async (_what, language, code) => {
    const answer = await client.run(language, code)
    expect(answer).toMatchObject({
      status: 'success',
      exit_code: 0,
      stdout: 'out\n',
      result: { value: 1 },
    })
    // Far from the limit: a second, and what a loaded machine adds.
    expect(answer.time_used_ms).toBeLessThan(20_000)
  })

  test('a result larger than a pipe takes at once', async () => {
    const length = 1_000_000
    const python = `import threading, time
def main():
    threading.Thread(target=time.sleep, args=(60,)).start()
    return "x" * ${length}`
    const node = `function main() { setInterval(() => {}, 20); return 'x'.repeat(${length}) }`
    for (const [language, code] of Object.entries({ python, nodejs: node })) {
      const answer = await client.run(language, code)
      expect(answer.status).toBe('success')
      expect(answer.result?.value).toHaveLength(length)
    }
  })

  test('background processes of a script end with it', async () => {
    const answer = await client.run('bash', 'sleep 60 & (while :; do :; done) & echo out')
    expect(answer).toMatchObject({ status: 'success', stdout: 'out\n' })
    expect(answer.time_used_ms).toBeLessThan(20_000)
  })

  test('a program that failed keeps its exit code and its words', async () => {
    const code = `import threading, time
def main():
    threading.Thread(target=time.sleep, args=(60,)).start()
    raise ValueError("no")`
    const answer = await client.run('python', code)
    expect(answer).toMatchObject({ status: 'program_error', exit_code: 1, result: null })
    expect(answer.stderr).toMatch(/ValueError: no/)
  })
})

describe.concurrent('what ends by itself is waited for', () => {
  test.each([
    [
      'python',
      `import threading, time
def late():
    time.sleep(0.05)
    print("late")
def main():
    threading.Thread(target=late).start()
    print("first")
    return 1`,
    ],
    [
      'python',
      `import time
from concurrent.futures import ThreadPoolExecutor
def late():
    time.sleep(0.05)
    print("late")
def main():
    ThreadPoolExecutor(1).submit(late)
    print("first")
    return 1`,
    ],
    [
      'nodejs',
      'function main() { setTimeout(() => console.log("late"), 50); console.log("first"); return 1 }',
    ],
  ])('%s: %s', async (language, code) => {
    const answer = await client.run(language, code)
    expect(answer).toMatchObject({ status: 'success', stdout: 'first\nlate\n' })
  })

  test('exit handlers run, also of a program that is cut off', async () => {
    const python = `import atexit, threading, time
def main():
    atexit.register(print, "handled")
    threading.Thread(target=time.sleep, args=(60,)).start()
    return 1`
    const node = `process.on('exit', () => console.log('handled'))
function main() { setInterval(() => {}, 20); return 1 }`
    for (const [language, code] of Object.entries({ python, nodejs: node })) {
      const answer = await client.run(language, code)
      expect(answer).toMatchObject({ status: 'success', stdout: 'handled\n' })
    }
  })

  test('an exit code that is set after the result counts', async () => {
    const code = 'function main() { setTimeout(() => process.exit(3), 20); return 1 }'
    const answer = await client.run('nodejs', code)
    expect(answer).toMatchObject({ status: 'program_error', exit_code: 3 })
  })
})
