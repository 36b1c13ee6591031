import { expect, test } from 'vitest'
import { base64 } from '../support/client.ts'
import { useManager } from '../support/manager.ts'
import { executorsOf, until } from '../support/traces.ts'

const client = useManager({ runtimes: ['python', 'nodejs'] })

test.each([
  ['python', 'import time\nprint("x", flush=True)\ndef main(): time.sleep(60)'],
  ['nodejs', 'function main() { for (;;); }'],
])(
  '%s: a caller who hangs up cancels the run, and its sandbox is gone',
  async (language, source) => {
    await until(() => executorsOf(process.pid).length === 2)
    const before = executorsOf(process.pid).filter((id) => id.startsWith(language))
    const caller = new AbortController()
    const body = JSON.stringify({ code_b64: base64(source), language })
    const response = client.post(body, { signal: caller.signal })
    // Its executor is on lease as soon as the next one is made.
    await until(() => executorsOf(process.pid).length > 2)
    expect(executorsOf(process.pid)).toEqual(expect.arrayContaining(before))
    caller.abort()
    await expect(response).rejects.toThrow()
    await until(() => !executorsOf(process.pid).some((id) => before.includes(id)))
    expect((await client.run('python', 'def main(): return 1')).status).toBe('success')
  },
)
