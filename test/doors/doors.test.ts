import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { ModuleKind, ScriptTarget, transpile } from 'typescript'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type DifyTarget, executeCode, executeTemplate } from '../support/dify-client.ts'
import { useDoorTable } from '../support/door-table.ts'
import { JupyterClient } from '../support/jupyter-client.ts'
import { HTTP_CLIENTS, type McpClient, STDIO_CLIENTS, TOOLS } from '../support/mcp-clients.ts'
import { type NpmPackage, npmPackage } from '../support/npm-package.ts'
import { type ExecutedCode, openWebUi, openWebUiPython } from '../support/open-webui.ts'
import { freePort, startService } from '../support/service.ts'

/** Clients of other systems, as their registries have them, on the real service. */
const KEY = 'a-key-of-the-tests'
const url = { service: '' }
const atEnd: (() => Promise<void>)[] = []

beforeAll(async () => {
  const env = {
    SANDBOX_EXECUTOR_MANAGER_PORT: String(await freePort()),
    EXECUTOR_MANAGER_API_KEYS: `tests:${KEY}`,
  }
  const service = await startService(env, [], undefined, (work) => atEnd.push(work))
  url.service = service.client.url
  // It removes its sandboxes before it ends, though clients have been connected.
  atEnd.unshift(async () => {
    service.kill('SIGTERM')
    expect(await service.ended()).toBe(0)
  })
})
afterAll(async () => {
  for (const work of atEnd) await work()
})
useDoorTable()

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
      expect(tools.map(({ name }) => name)).toEqual(TOOLS)
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
})

describe('mcp', () => {
  describe('inspector 2.12.0, its command line', () => {
    let inspector: NpmPackage
    beforeAll(async () => {
      const name = '@modelcontextprotocol/inspector@2.12.0'
      inspector = await npmPackage(name, (work) => atEnd.push(work))
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
      expect(tools.map(({ name }: { name: string }) => name)).toEqual(TOOLS)
    })

    test('a program runs', async () => {
      const call = ['--tool-name', 'run_code', '--tool-arg', 'language=python']
      const answer = await ask('tools/call', ...call, '--tool-arg', 'code=print(6*7)')
      expect(answer.content).toEqual([{ type: 'text', text: '42\n' }])
    })
  })
})

/** Executors that have a run. */
async function leased(): Promise<number> {
  const answer = await fetch(`${url.service}/v1/status`, { headers: { 'x-api-key': KEY } })
  const { executors } = (await answer.json()) as { executors: { state: string; count: number }[] }
  return executors.reduce((sum, { state, count }) => sum + (state === 'leased' ? count : 0), 0)
}

describe('examples', () => {
  test.each([
    ['mcp', '42\\n'],
    ['dify', '"stdout":"3\\n"'],
    ['librechat', '"stdout":"42\\n"'],
    ['open-webui', '"execution_state":"starting"'],
  ])('that of docs/doors/%s.md runs', async (door, output) => {
    const page = readFileSync(`docs/doors/${door}.md`, 'utf8')
    const [, script = ''] = /```sh\n([\s\S]+?)```/.exec(page) ?? []
    const here = script.replace('http://127.0.0.1:9385', url.service).replace(/\bKEY\b/, KEY)
    const { stdout } = await promisify(execFile)('sh', ['-c', here])
    expect(stdout).toContain(output)
  })
})

describe('dify', () => {
  describe.each(['', '/dify', '/k/KEY'])('client of our own, prefix "%s"', (prefix) => {
    // A key in the path must do without one in the header.
    const target = (): DifyTarget => {
      const endpoint = url.service + prefix.replace('KEY', KEY)
      return { endpoint, key: prefix.startsWith('/k/') ? 'dify-sandbox' : KEY }
    }

    test('code prints', async () => {
      expect(await executeCode(target(), 'python3', 'print("Hello World")')).toBe('Hello World\n')
      const js = 'console.log(JSON.stringify({ Hello: "World" }))'
      expect(await executeCode(target(), 'nodejs', js)).toBe('{"Hello":"World"}\n')
    })

    test('a Python node gets its inputs and gives its outputs', async () => {
      const code = 'def main(arg1: int, arg2: str) -> dict:\n    return {"result": arg2 * arg1}'
      const inputs = { arg1: 3, arg2: 'ü"\n' }
      expect(await executeTemplate(target(), 'python3', code, inputs)).toEqual({
        result: 'ü"\nü"\nü"\n',
      })
    })

    test('a JavaScript node gets its inputs and gives its outputs', async () => {
      const code = 'function main({arg1, arg2}) { return { result: arg2.repeat(arg1) } }'
      const inputs = { arg1: 3, arg2: 'ü"\n' }
      expect(await executeTemplate(target(), 'javascript', code, inputs)).toEqual({
        result: 'ü"\nü"\nü"\n',
      })
    })

    test('a template is rendered', async () => {
      const inputs = { name: 'ü', list: [1, 2] }
      const text = 'Hello {{ name }}{% for x in list %} {{ x }}{% endfor %}'
      expect(await executeTemplate(target(), 'jinja2', text, inputs)).toBe('Hello ü 1 2')
    })

    test('pandas and numpy can be imported', async () => {
      const code =
        'import numpy, pandas\ndef main(): return {"n": int(pandas.Series([1, 2]).sum())}'
      expect(await executeTemplate(target(), 'python3', code, {})).toEqual({ n: 3 })
    })

    test('a warning is no error; an error has its code and its cause', async () => {
      const warns = 'import sys\nprint("careful", file=sys.stderr)\nprint(1)'
      expect(await executeCode(target(), 'python3', warns)).toBe('1\n')
      await expect(executeCode(target(), 'python3', 'raise ValueError("no")')).rejects.toThrow(
        /^process exited with code 1\n[\s\S]*ValueError: no/,
      )
      await expect(executeCode(target(), 'nodejs', 'while (true) {}')).rejects.toThrow(
        'process exited with code -1\nerror: timeout\n',
      )
    })
  })
})

const FIGURE =
  'import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()\nprint("drawn")\nprint("careful", file=__import__("sys").stderr)'

describe('jupyter', () => {
  const python = openWebUiPython()
  describe.skipIf(python === null)('open-webui 0.12.4', () => {
    let execute: (code: string, prefix?: string) => Promise<ExecutedCode>
    beforeAll(async () => {
      execute = await openWebUi(python as string, url, KEY, (work) => atEnd.push(work))
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
      const channels = await by.connect(await by.start(kernel))
      const said = await channels.execute(code)
      channels.socket.close()
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

describe('ragflow', () => {
  const ask = async (path: string, body?: object) => {
    const answer = await fetch(url.service + path, {
      headers: { 'content-type': 'application/json', 'x-api-key': KEY },
      ...(body ? { method: 'POST', body: JSON.stringify(body) } : {}),
    })
    expect(answer.status).toBe(200)
    // biome-ignore lint/suspicious/noExplicitAny: tests look into it
    return (await answer.json()) as any
  }
  const base64 = (code: string) => Buffer.from(code).toString('base64')
  /** What each of its backends sends for one execution. */
  const BACKENDS = {
    'Python, a client of our own': async (language: string, code: string, args: object | null) => {
      for (let i = 0; i < 2; i++) expect(await ask('/healthz')).toEqual({ status: 'ok' })
      return ask('/run', { code_b64: base64(code), language, arguments: args ?? {} })
    },
    'Go, a client of our own': (language: string, code: string, args: object | null) =>
      ask('/run', { code_b64: base64(code), language, arguments: args, base_image: 'x:1' }),
  }

  describe.each(Object.entries(BACKENDS))('%s', (_name, run) => {
    test('the test of its connection passes', async () => {
      const code = 'def main() -> dict:\n    print("TEST_PASSED")\n    return {"ok": True}'
      expect(await run('python', code, null)).toMatchObject({
        exit_code: 0,
        stdout: expect.stringContaining('TEST_PASSED'),
        result: { present: true, value: { ok: true }, type: 'json' },
      })
    })

    test('arguments go in, a result and files of the working directory come out', async () => {
      const code =
        'def main(a, b):\n    open("artifacts/x.csv", "w").write(b)\n    open("y.txt", "w").write(b)\n    return a + 1'
      const { result, artifacts } = await run('python', code, { a: 1, b: '1,2' })
      expect(result.value).toBe(2)
      const names = artifacts.map(({ name }: { name: string }) => name)
      expect(names.toSorted()).toEqual(['x.csv', 'y.txt'])
      const js = 'async function main({a}) { return a }\nmodule.exports = { main }'
      expect((await run('nodejs', js, { a: 'ü' })).result.value).toBe('ü')
    })

    test('an error is told in stderr, with nothing in stdout', async () => {
      const failed = await run(
        'python',
        'def main():\n    print(1)\n    raise ValueError("no")',
        null,
      )
      expect(failed).toMatchObject({ status: 'program_error', exit_code: 1, stdout: '' })
      expect(failed.stderr).toContain('ValueError: no')
    })
  })
})

describe('librechat', () => {
  const WRITES = 'open("/mnt/data/a.csv", "w").write("1,2")\nprint(6 * 7)'
  const READS = 'print(open("/mnt/data/a.csv").read())'

  describe('@librechat/agents 3.9.2', () => {
    let agents: NpmPackage
    beforeAll(async () => {
      agents = await npmPackage('@librechat/agents@3.9.2', (work) => atEnd.push(work))
    }, 600_000)
    /** What its tool answers to calls, each of which gets the files of the one before. */
    const calls = async (...args: { lang: string; code: string }[]) => {
      // It sends no key: the address has it.
      const env = { LIBRECHAT_CODE_BASEURL: `${url.service}/k/${KEY}/librechat/v1` }
      const end = await agents.runModule(
        `import { createCodeExecutionTool } from '@librechat/agents'
        const tool = createCodeExecutionTool()
        let files = []
        for (const args of ${JSON.stringify(args)}) {
          const call = { type: 'tool_call', id: 'x', name: tool.name, args, _injected_files: files }
          const { content, artifact } = await tool.invoke(call).catch(({ message }) => ({ content: message }))
          files = artifact?.files ?? []
          console.log('ANSWER ' + JSON.stringify({ content, files }))
        }`,
        { env },
      )
      const answers = end.stdout.split('\n').filter((line) => line.startsWith('ANSWER '))
      return answers.map((line) => JSON.parse(line.slice(7)))
    }

    test('a program leaves a file, which the next one finds', async () => {
      const [first, second] = await calls({ lang: 'py', code: WRITES }, { lang: 'py', code: READS })
      expect(first.content).toMatch(/^stdout:\n42\n/)
      expect(first.files).toMatchObject([{ name: 'a.csv' }])
      expect(second.content).toContain('stdout:\n1,2')
      expect(second.files).toMatchObject([{ id: first.files[0].id, inherited: true }])
    })

    test('JavaScript, TypeScript and bash run; an error is told', async () => {
      const answers = await calls(
        { lang: 'js', code: 'console.log(1)' },
        { lang: 'ts', code: 'const a: number = 2; console.log(a)' },
        { lang: 'bash', code: 'echo 3' },
        { lang: 'py', code: '1 / 0' },
        { lang: 'r', code: 'x' },
      )
      expect(answers.map(({ content }) => content)).toEqual([
        expect.stringContaining('stdout:\n1'),
        expect.stringContaining('stdout:\n2'),
        expect.stringContaining('stdout:\n3'),
        expect.stringContaining('ZeroDivisionError'),
        expect.stringContaining('rejected'),
      ])
    })

    /** What its programmatic tool answers to a program that calls tools, which run in the client. */
    const program = async (language: 'python' | 'bash', code: string) => {
      const make =
        language === 'python'
          ? 'createProgrammaticToolCallingTool'
          : 'createBashProgrammaticToolCallingTool'
      const env = { LIBRECHAT_CODE_BASEURL: `${url.service}/k/${KEY}/librechat/v1` }
      const end = await agents.runModule(
        `import { ${make} } from '@librechat/agents'
        import { tool } from '@langchain/core/tools'
        let asked = 0
        const schema = { type: 'object', properties: { city: { type: 'string' } } }
        const weather = tool(async ({ city }) => {
          asked++
          if (city === 'Nowhere') throw new Error('no such city')
          return { city, degrees: city.length }
        }, { name: 'get-weather', description: 'Weather', schema })
        const toolDefs = [{ name: 'get-weather', description: 'Weather', parameters: schema, allowed_callers: ['code_execution'] }]
        const ptc = ${make}()
        const toolMap = new Map([['get-weather', weather]])
        const args = { code: ${JSON.stringify(code)} }
        const call = { type: 'tool_call', id: 'x', name: ptc.name, args, toolMap, toolDefs }
        const { content, artifact } = await ptc.invoke(call).catch(({ message }) => ({ content: message }))
        console.log('ANSWER ' + JSON.stringify({ content, files: artifact?.files, asked }))`,
        { env },
      )
      const line = end.stdout.split('\n').find((one) => one.startsWith('ANSWER '))
      if (!line) throw new Error(end.stdout + end.stderr)
      return JSON.parse(line.slice(7))
    }

    test('Python calls tools one after the other and together, and keeps its files', async () => {
      const { content, files, asked } = await program(
        'python',
        `first = await get_weather(city="SF")
a, b = await asyncio.gather(get_weather(city="Bonn"), get_weather(city="Athens"))
try:
    await get_weather(city="Nowhere")
except ToolExecutionError as error:
    print(error)
print(first["degrees"] + a["degrees"] + b["degrees"])
open("/mnt/data/a.csv", "w").write("1")`,
      )
      expect(content).toMatch(/^stdout:\nno such city\n12\n/)
      expect([files[0].name, asked]).toEqual(['a.csv', 4])
    })

    test('bash calls tools one after the other and beside each other', async () => {
      const { content, asked } = await program(
        'bash',
        `first=$(get_weather '{"city": "SF"}')
{ a=$(get_weather '{"city": "Bonn"}'); echo "$a" >a.json; } &
{ b=$(get_weather '{"city": "Athens"}'); echo "$b" >b.json; } &
wait
echo "$first" | cat - a.json b.json | jq -s 'map(.degrees) | add'
get_weather '{"city": "Nowhere"}' || echo failed`,
      )
      expect(content).toContain('stdout:\n12\nfailed\n')
      expect(asked).toBe(4)
    })

    test('an error of a program that calls tools is told', async () => {
      const { content } = await program('python', 'await get_weather(city="SF")\n1 / 0')
      expect(content).toMatch(/Programmatic execution failed[\s\S]*ZeroDivisionError/)
    })
  })

  // A checkout of https://github.com/danny-avila/agents: the package has no scripts.
  const checkout = process.env.LIBRECHAT_AGENTS
  describe.skipIf(!checkout)('smoke script of @librechat/agents', () => {
    test('a file is made, listed at once, read, changed and read again', async () => {
      const agents = await npmPackage('@librechat/agents@3.9.2', (work) => atEnd.push(work))
      const source = readFileSync(`${checkout}/src/scripts/test_code_api.ts`, 'utf8')
      // Types that it imports as values have to go too, which Node.js does not do.
      const settings = { module: ModuleKind.ESNext, target: ScriptTarget.ES2022 }
      const script = transpile(source, settings)
      const env = { LIBRECHAT_CODE_BASEURL: `${url.service}/k/${KEY}/librechat/v1` }
      const { code, stdout } = await agents.runModule(script, { env })
      expect(code).toBe(0)
      expect(stdout).not.toMatch(/^(❌|⚠️)/m)
      expect(stdout).toMatch(/Files available immediately[\s\S]*Lineage tracking working/)
      expect(stdout).toMatch(/stdout: Verified config:[\s\S]*✅ Modification persisted correctly!/)
    }, 600_000)
  })

  describe.each(['/librechat/v1', '/k/KEY/librechat'])(
    'client of our own, prefix "%s"',
    (prefix) => {
      const ask = async (path: string, body?: object) => {
        const answer = await fetch(`${url.service}${prefix.replace('KEY', KEY)}${path}`, {
          headers: { 'content-type': 'application/json', 'x-api-key': KEY },
          ...(body ? { method: 'POST', body: JSON.stringify(body) } : {}),
        })
        expect(answer.status).toBe(200)
        // biome-ignore lint/suspicious/noExplicitAny: tests look into it
        return (await answer.json()) as any
      }

      // As the smoke test of the client's author has it.
      test('a file is listed at once at every level, changed, and used again', async () => {
        const made = await ask('/exec', { lang: 'py', code: WRITES })
        const { session_id: session, files } = made
        const [{ id }] = files
        const levels = ['simple', 'summary', 'full', 'normalized']
        const lists = await Promise.all(
          levels.map((level) => ask(`/files/${session}?detail=${level}`)),
        )
        expect(lists.map((list) => list.length)).toEqual([1, 1, 1, 1])
        const reference = { session_id: session, id, name: 'a.csv' }
        expect((await ask('/exec', { lang: 'py', code: READS, files: [reference] })).stdout).toBe(
          '1,2\n',
        )
        const appends = 'open("/mnt/data/a.csv", "a").write(",3")'
        const changed = await ask('/exec', { lang: 'py', code: appends, files: [reference] })
        expect(changed.files).toMatchObject([{ name: 'a.csv', modified_from: { id } }])
        const again = { lang: 'py', code: READS, files: changed.files }
        expect((await ask('/exec', again)).stdout).toBe('1,2,3\n')
      })
    },
  )
})
