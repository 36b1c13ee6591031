import { beforeAll, describe, expect, test } from 'vitest'
import { JupyterClient } from '../support/jupyter-client.ts'
import { type ExecutedCode, openWebUi, openWebUiPython } from '../support/open-webui.ts'
import { atEnd, KEY, leased, url } from './service.ts'

const FIGURE =
  'import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()\nprint("drawn")\nprint("careful", file=__import__("sys").stderr)'

describe('jupyter', () => {
  const python = openWebUiPython()
  describe.skipIf(python === null)('open-webui 0.12.4', () => {
    let execute: (code: string, prefix?: string) => Promise<ExecutedCode>
    beforeAll(async () => {
      execute = await openWebUi(python as string, url, KEY, atEnd)
    }, 600_000)

    test.each(['', '/jupyter'])('code runs, with the prefix "%s"', async (prefix) => {
      expect(await execute('print("Hello World")', prefix)).toMatchObject({
        stdout: 'Hello World',
        stderr: '',
      })
    })

    test('a plot comes as an image', async () => {
      const { stdout, stderr, result } = await execute(FIGURE)
      expect([stdout, stderr]).toEqual(['drawn', 'careful'])
      expect(result).toMatch(/^data:image\/png;base64,iVBOR/)
    })

    test('an error has its traceback, and a time limit its name', async () => {
      const failed = await execute('print("before")\n1 / 0')
      expect(failed.stdout).toBe('before')
      expect(failed.stderr).toMatch(/Traceback[\s\S]*ZeroDivisionError: division by zero/)
      const slow = await execute('while True: pass')
      expect(slow.stderr).toContain('TimeoutError')
    })
  })

  describe('client of our own', () => {
    const client = () => new JupyterClient(url.service, KEY)
    const run = async (kernel: string, code: string) => {
      const by = client()
      const id = await by.start(kernel)
      const channels = await by.connect(id)
      const said = await channels.execute(code)
      await by.ask('DELETE', `/kernels/${id}`)
      return said
    }
    const textOf = (said: Awaited<ReturnType<typeof run>>) =>
      said.map(({ content }) => content.text ?? '').join('')

    test.each([
      ['python3', 'print(6 * 7)'],
      ['javascript', 'console.log(6 * 7)'],
      ['bash', 'echo $((6 * 7))'],
    ])('a kernel %s executes', async (kernel, code) => {
      const said = await run(kernel, code)
      expect(textOf(said)).toBe('42\n')
      expect(said.at(-2)).toMatchObject({
        msg_type: 'execute_reply',
        content: { status: 'ok', execution_count: 1 },
      })
    })

    test('output comes while the program runs, and a deleted kernel ends it', async () => {
      const by = client()
      const id = await by.start()
      const channels = await by.connect(id)
      const code = 'import time\nprint("first", flush=True)\ntime.sleep(600)'
      channels.execute(code).catch(() => {})
      await channels.until(() => channels.said.some(({ content }) => content.text === 'first\n'))
      await by.ask('DELETE', `/kernels/${id}`)
      await expect.poll(leased, { timeout: 60_000 }).toBe(0)
      await expect.poll(() => channels.closed, { timeout: 60_000 }).toBe(1001)
    })
  })
})
