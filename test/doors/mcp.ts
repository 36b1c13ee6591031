import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  HTTP_CLIENTS,
  type McpClient,
  SESSION_TOOLS,
  STDIO_CLIENTS,
  TOOLS,
  type ToolAnswer,
} from '../support/mcp-clients.ts'
import { type NpmPackage, npmPackage } from '../support/npm-package.ts'
import { atEnd, KEY, leased, OTHER, url } from './service.ts'

/** One pixel. */
const PNG =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='

describe('mcp', () => {
  describe.each([...HTTP_CLIENTS, ...STDIO_CLIENTS])('$name', ({ connect }) => {
    let client: McpClient
    const run = (language: string, code: string, more: object = {}) =>
      client.callTool({ name: 'run_code', arguments: { language, code, ...more } })
    beforeAll(async () => {
      client = await connect({ url: url.service, key: KEY })
    })
    afterAll(() => client?.close())

    test('the tools are there', async () => {
      const { tools } = await client.listTools()
      expect(tools.map(({ name }) => name)).toEqual([...TOOLS, ...SESSION_TOOLS])
      const { structuredContent } = await client.callTool({ name: 'list_templates', arguments: {} })
      const names = structuredContent.templates.map(({ name }: { name: string }) => name)
      expect(names).toEqual(expect.arrayContaining(['python', 'nodejs', 'bash']))
    })

    test('Python reads files and stdin, and prints', async () => {
      const code =
        'import pandas, sys\nprint(pandas.read_csv("a/b.csv")["x"].sum(), sys.stdin.read())'
      const files = [{ path: 'a/b.csv', content: 'x\n1\n2\n' }]
      const answer = await run('python', code, { files, stdin: 'in' })
      expect(answer.content).toEqual([{ type: 'text', text: '3 in\n' }])
      expect(answer.structuredContent).toMatchObject({ status: 'succeeded', exit_code: 0 })
    })

    test('JavaScript and bash run', async () => {
      expect((await run('nodejs', 'console.log(6 * 7)')).content[0].text).toBe('42\n')
      expect((await run('bash', 'echo $((6 * 7))')).content[0].text).toBe('42\n')
    })

    test('an image comes as an image, another file as a link that can be read', async () => {
      const code = `import base64\nopen("a.png", "wb").write(base64.b64decode("${PNG}"))\nopen("a.csv", "w").write("1,2")`
      const { content } = await run('python', code)
      expect(content.find(({ type }) => type === 'image')).toMatchObject({
        data: PNG,
        mimeType: 'image/png',
      })
      const link = content.find(({ type }) => type === 'resource_link')
      const read = await client.readResource({ uri: link.uri })
      expect(read.contents).toMatchObject([{ mimeType: 'text/csv', text: '1,2' }])
    })

    test('long output is cut, and the whole can be read', async () => {
      const { content, structuredContent } = await run('python', 'print("x" * 300_000)')
      expect(content[0].text.length).toBeLessThan(20_000)
      const { contents } = await client.readResource({ uri: structuredContent.stdout_uri })
      expect(contents[0]?.text).toHaveLength(300_001)
    })

    test('a program that fails, or takes too long, is told with its output', async () => {
      const failed = await run('python', 'print("before")\n1 / 0')
      expect(failed.isError ?? false).toBe(false)
      expect(failed.structuredContent).toMatchObject({ status: 'failed', stdout: 'before\n' })
      expect(failed.content[0].text).toContain('ZeroDivisionError')
      const slow = await run('python', 'print("before", flush=True)\nwhile True: pass')
      expect(slow.structuredContent).toMatchObject({ status: 'timed_out', stdout: 'before\n' })
    })

    test('output is told while the program runs, and a canceled call ends it', async () => {
      const controller = new AbortController()
      const told: string[] = []
      const code = 'import time\nprint("first", flush=True)\ntime.sleep(600)'
      const call = { name: 'run_code', arguments: { language: 'python', code } }
      const onprogress = ({ message = '' }) => {
        told.push(message)
        controller.abort()
      }
      await expect(
        client.callTool(call, { signal: controller.signal, onprogress }),
      ).rejects.toThrow()
      expect(told[0]).toContain('first')
      await expect.poll(leased, { timeout: 60_000 }).toBe(0)
    })

    test('a run is started, waited for and canceled', async () => {
      const code = 'import time\nprint("first", flush=True)\ntime.sleep(600)'
      const start = (text: string) =>
        client.callTool({ name: 'start_run', arguments: { language: 'python', code: text } })
      const quick = (await start('print(6 * 7)')).structuredContent
      const ended = { run_id: quick.run_id, wait_seconds: 45 }
      const got = await client.callTool({ name: 'get_run', arguments: ended })
      expect(got.content[0].text).toBe('42\n')
      const { run_id } = (await start(code)).structuredContent
      const canceled = await client.callTool({ name: 'cancel_run', arguments: { run_id } })
      expect(canceled.isError).toBe(true)
      await expect.poll(leased, { timeout: 60_000 }).toBe(0)
    })

    test('what is wrong is told in words', async () => {
      const { isError, content } = await run('cobol', '')
      expect(isError).toBe(true)
      expect(content[0].text).toContain('there is no such language')
    })
  })

  describe.each([...HTTP_CLIENTS, ...STDIO_CLIENTS.slice(-1)])('$name, sessions', ({ connect }) => {
    let client: McpClient
    let session: string
    const ask = (name: string, given: object = {}) =>
      client.callTool({ name, arguments: { session, ...given } })
    beforeAll(async () => {
      client = await connect({ url: url.service, key: KEY })
      const opened = await client.callTool({ name: 'open_session', arguments: {} })
      session = opened.structuredContent.session
    }, 120_000)
    afterAll(async () => {
      await ask('close_session')
      await client.close()
    })

    test('variables stay, and the last value and a figure come back', async () => {
      await ask('run_code', { language: 'python', code: 'x = 20' })
      const { content } = await ask('run_code', { language: 'python', code: 'x * 2 + 2' })
      expect(content).toEqual([{ type: 'text', text: '42' }])
      const draws = 'import matplotlib.pyplot as plt\nplt.plot([1])\nplt.show()'
      const drawn = await ask('run_code', { language: 'python', code: draws })
      expect(drawn.content.find(({ type }) => type === 'image')?.mimeType).toBe('image/png')
      const failed = await ask('run_code', { language: 'python', code: 'x / 0' })
      expect(failed.structuredContent).toMatchObject({ status: 'failed' })
      expect(failed.content[0].text).toContain('ZeroDivisionError')
    }, 120_000)

    test('files are written, listed, read by commands and by parts', async () => {
      await ask('write_file', { path: 'a/b.txt', content: 'é\n'.repeat(10_000) })
      const { structuredContent } = await ask('list_files', { path: 'a' })
      expect(structuredContent.entries).toEqual([{ path: 'b.txt', type: 'file', size: 30_000 }])
      const counted = await ask('run_command', { command: 'wc -l < a/b.txt' })
      expect(counted.content).toEqual([{ type: 'text', text: '10000\n' }])
      let text = ''
      for (let offset: number | null = 0; offset !== null; ) {
        const read: ToolAnswer = await ask('read_file', { path: 'a/b.txt', offset })
        text += read.structuredContent.text
        offset = read.structuredContent.next_offset
      }
      expect(text).toBe('é\n'.repeat(10_000))
      await ask('write_file', { path: 'a.png', content_base64: PNG })
      const image = await ask('read_file', { path: 'a.png' })
      expect(image.content).toEqual([{ type: 'image', data: PNG, mimeType: 'image/png' }])
      const none = await ask('read_file', { path: 'nothing' })
      expect([none.isError, none.content[0].text]).toEqual([true, expect.any(String)])
    }, 120_000)

    test('another caller has no such session', async () => {
      const other = await connect({ url: url.service, key: OTHER })
      const given = {
        session,
        language: 'python',
        code: '1',
        command: 'id',
        path: 'a',
        content: '',
      }
      for (const name of ['run_code', ...SESSION_TOOLS.slice(1)]) {
        const { isError, content } = await other.callTool({ name, arguments: given })
        expect([name, isError]).toEqual([name, true])
        expect(content[0].text).toContain('There is no session')
      }
      await other.close()
      expect((await ask('run_command', { command: 'echo here' })).content[0].text).toBe('here\n')
    }, 120_000)
  })

  describe('inspector 2.12.0, its command line', () => {
    let inspector: NpmPackage
    beforeAll(async () => {
      const name = '@modelcontextprotocol/inspector@2.12.0'
      inspector = await npmPackage(name, atEnd)
    }, 600_000)
    const ask = async (...words: string[]) => {
      const end = await inspector.run('node_modules/.bin/mcp-inspector', [
        ...['--cli', `${url.service}/mcp`, '--transport', 'http'],
        ...['--header', `Authorization: Bearer ${KEY}`, '--method', ...words],
      ])
      expect(end).toMatchObject({ code: 0 })
      return JSON.parse(end.stdout)
    }

    test('the tools are there', async () => {
      const { tools } = await ask('tools/list')
      expect(tools.map(({ name }: { name: string }) => name)).toEqual([...TOOLS, ...SESSION_TOOLS])
    })

    test('a program runs', async () => {
      const call = ['--tool-name', 'run_code', '--tool-arg', 'language=python']
      const answer = await ask('tools/call', ...call, '--tool-arg', 'code=print(6*7)')
      expect(answer.content).toEqual([{ type: 'text', text: '42\n' }])
    })
  })
})
