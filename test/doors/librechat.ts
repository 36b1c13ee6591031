import { readFileSync } from 'node:fs'
import { ModuleKind, ScriptTarget, transpile } from 'typescript'
import { beforeAll, describe, expect, test } from 'vitest'
import { type NpmPackage, npmPackage } from '../support/npm-package.ts'
import { atEnd, KEY, url } from './service.ts'

/** A week after that version: with some releases of October, those of its own dependencies do not load. */
const DATE = '2026-10-01'

describe('librechat', () => {
  const WRITES = 'open("/mnt/data/a.csv", "w").write("1,2")\nprint(6 * 7)'
  const READS = 'print(open("/mnt/data/a.csv").read())'

  describe('@librechat/agents 3.9.2', () => {
    let agents: NpmPackage
    beforeAll(async () => {
      agents = await npmPackage('@librechat/agents@3.9.2', atEnd, DATE)
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
      const agents = await npmPackage('@librechat/agents@3.9.2', atEnd, DATE)
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
