import { describe, expect, test } from 'vitest'
import { useManager } from '../support/manager.ts'
import { sample } from '../support/sample.ts'

sample(3)

/** Programs that attack the sandbox they run in. Some of them run until the time limit. */
const client = useManager({
  runtimes: ['python', 'nodejs'],
  poolSize: 2,
  limits: { wallTimeMs: 3000 },
})

const FAILED = ['program_error', 'runtime_error', 'resource_limit_exceeded', 'success']
/** After so many attacks an honest program runs in each language. */
const HONEST_EVERY = 5
/** The answer of an honest program that returns 1. */
const ONE = { status: 'success', stderr: '', result: { value: 1 } }

const attacks: [string, string, string][] = [
  ['kills pid 1', 'python', 'os.kill(1, 9)\nimport time\ntime.sleep(9)'],
  ['kills everybody', 'python', 'os.kill(-1, 9)'],
  ['stops pid 1', 'python', 'os.kill(1, 19)\nreturn 1'],
  [
    'sends every signal to pid 1',
    'python',
    'for s in range(1, 65):\n  try: os.kill(1, s)\n  except OSError: pass\nreturn 1',
  ],
  ['closes all descriptors', 'python', 'os.closerange(0, 1024)\nreturn 1'],
  ['writes garbage to the control pipe', 'python', 'os.write(199, b"\\xff" * 100000)\nreturn 1'],
  ['writes garbage to the status pipe', 'python', 'os.write(200, b"\\xff" * 1000)\nreturn 1'],
  [
    'writes garbage to every descriptor',
    'python',
    'for fd in range(1024):\n  try: os.write(fd, b"\\x00" * 5000)\n  except OSError: pass\nreturn 1',
  ],
  [
    'forges a result',
    'python',
    'import struct\nos.write(199, struct.pack("<IB", 5, 3) + b"[1,2]")\nos._exit(0)',
  ],
  [
    'forges a result that is not JSON',
    'python',
    'import struct\nos.write(199, struct.pack("<IB", 2, 3) + b"[1")\nos._exit(0)',
  ],
  [
    'forges a huge head',
    'python',
    'import struct\nos.write(199, struct.pack("<IB", 2**32 - 1, 3))\nreturn 1',
  ],
  ['a fork bomb', 'python', 'while True:\n  try: os.fork()\n  except OSError: pass'],
  [
    'a thread bomb',
    'python',
    'import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(9,), daemon=True).start()',
  ],
  [
    'a process that breaks away',
    'python',
    'if os.fork() == 0:\n  os.setsid()\n  if os.fork() == 0:\n    import time\n    time.sleep(60)\n  os._exit(0)\nreturn 1',
  ],
  ['opens every file it can', 'python', 'files = []\nwhile True: files.append(open("/dev/null"))'],
  [
    'fills /tmp',
    'python',
    'with open("/tmp/x", "wb") as f:\n  while True: f.write(b"x" * (1 << 20))',
  ],
  [
    'fills /dev/shm',
    'python',
    'with open("/dev/shm/x", "wb") as f:\n  while True: f.write(b"x" * (1 << 20))',
  ],
  ['a deep folder', 'python', 'while True:\n  os.mkdir("d")\n  os.chdir("d")'],
  ['kills pid 1', 'nodejs', 'process.kill(1, "SIGKILL"); for (;;);'],
  [
    'closes its pipes',
    'nodejs',
    'for (let fd = 0; fd < 300; fd++) try { require("fs").closeSync(fd) } catch {}\nreturn 1',
  ],
  [
    'writes garbage to its pipes',
    'nodejs',
    'for (const fd of [198, 199, 200]) try { require("fs").writeSync(fd, Buffer.alloc(100000, 255)) } catch {}\nreturn 1',
  ],
  [
    'replaces what the runner uses',
    'nodejs',
    'JSON.stringify = () => "x"; require("fs").writeSync = () => 0; Buffer.from = null; process.exit = () => {}; return 1',
  ],
  [
    'poisons prototypes',
    'nodejs',
    'Object.prototype.then = (r) => r(5); Array.prototype[Symbol.iterator] = null; return [1]',
  ],
]

const numbered = attacks.map((attack, number) => [...attack, number] as const)

describe.concurrent('a program that attacks its sandbox spoils its own result at most', () => {
  test.each(numbered)('%s (%s)', async (_what, language, body, number) => {
    const code =
      language === 'python'
        ? `import os\ndef main():\n${body.replace(/^/gm, '  ')}`
        : `function main() { ${body} }`
    const answer = await client.run(language, code)
    expect(FAILED).toContain(answer.status)
    expect(answer.time_used_ms).toBeGreaterThan(0)
    // Those that come after it are not touched.
    if (number % HONEST_EVERY !== 0) return
    expect(await client.run('python', 'def main(): return 1')).toMatchObject(ONE)
    expect(await client.run('nodejs', 'function main() { return 1 }')).toMatchObject(ONE)
  })

  test('a forged result is the program’s own result', async () => {
    const code =
      'import os, struct\ndef main():\n  os.write(199, struct.pack("<IB", 5, 3) + b"[1,2]")\n  return 3'
    const answer = await client.run('python', code)
    expect(answer).toMatchObject({ status: 'success', stderr: '', result: { value: [1, 2] } })
  })
})
