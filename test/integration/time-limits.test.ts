import { describe, expect, test } from 'vitest'
import { useManager } from '../support/manager.ts'
import { sample } from '../support/sample.ts'

sample(3)

/** Programs that reach the time limit, side by side: each of them mostly waits. */
const client = useManager({ poolSize: 2, limits: { wallTimeMs: 2000 } })

type Row = readonly [what: string, language: string, code: string, printed: string]

const ROWS: readonly Row[] = [
  ['an endless loop', 'python', 'print(1)\ndef main():\n  while True: pass', '1\n'],
  ['a sleep', 'python', 'import time\ndef main(): time.sleep(60)', ''],
  [
    'a sleep that ignores signals',
    'python',
    'import signal, time\ndef main():\n  for s in range(1, 65):\n    try: signal.signal(s, signal.SIG_IGN)\n    except (OSError, ValueError): pass\n  time.sleep(60)',
    '',
  ],
  ['an endless loop at load', 'python', 'while True: pass', ''],
  [
    'a child that outlives main',
    'python',
    'import subprocess\nsubprocess.Popen(["/bin/sleep", "60"])\nimport time\ndef main(): time.sleep(60)',
    '',
  ],
  ['a print before a loop at load', 'python', 'print("one")\nwhile True: pass', 'one\n'],
  [
    'a print before a sleep',
    'python',
    'import time\ndef main():\n  print("one")\n  time.sleep(60)',
    'one\n',
  ],
  [
    'a print before a wait',
    'python',
    'import threading\ndef main():\n  print("one")\n  threading.Event().wait()',
    'one\n',
  ],
  ['an endless loop', 'nodejs', 'console.log(1)\nfunction main() { for (;;); }', '1\n'],
  ['a sleep', 'nodejs', 'function main() { return new Promise((r) => setTimeout(r, 60000)) }', ''],
  [
    'a sleep that ignores signals',
    'nodejs',
    'function main() { for (const s of ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT"]) process.on(s, () => {}); return new Promise((r) => setTimeout(r, 60000)) }',
    '',
  ],
  ['an endless loop at load', 'nodejs', 'for (;;);', ''],
  ['a print before a loop at load', 'nodejs', 'console.log("one")\nfor (;;);', 'one\n'],
  ['an endless loop', 'bash', 'while :; do :; done', ''],
  ['a sleep', 'bash', 'sleep 60', ''],
  ['a print before a sleep', 'bash', 'echo one; sleep 60', 'one\n'],
]

describe.concurrent('over the time limit', () => {
  test.each(ROWS)('%s (%s)', async (_what, language, code, printed) => {
    const answer = await client.run(language, code)
    expect(answer).toMatchObject({
      status: 'resource_limit_exceeded',
      resource_limit_type: 'time',
      exit_code: -124,
      stdout: '',
      stderr: expect.stringMatching(/^Execution timeout/),
      // What was printed before the limit is there in every outcome.
      partial_stdout: printed,
      detail: null,
      unauthorized_access_type: null,
      runtime_error_type: null,
      artifacts: [],
      result: null,
    })
    expect(answer.time_used_ms).toBeGreaterThan(0)
    expect(answer.memory_used_kb).toBeGreaterThan(0)
  })
})
