import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, describe, expect, test } from 'vitest'
import { projectDir } from '../../../src/config.ts'
import { useShared } from '../../support/shared-manager.ts'

/** Every example of docs/api.md does what the document says. */
const { client } = useShared()
const folder = mkdtempSync(path.join(tmpdir(), 'api-examples-'))
afterAll(() => rmSync(folder, { recursive: true }))

const TEXT = readFileSync(path.join(projectDir(), 'docs/api.md'), 'utf8')

/** The commands of a section, in their order. */
function commandsOf(heading: string): string[] {
  const section = TEXT.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? ''
  return [...section.matchAll(/```bash\n([\s\S]*?)```/g)].map(([, command]) => command as string)
}

async function runExample(command: string): Promise<string> {
  const script = command.replaceAll('http://127.0.0.1:9385', client.url)
  const { stdout } = await promisify(execFile)('bash', ['-euc', script], { cwd: folder })
  return stdout
}

const expected: Record<string, ((answer: string) => void)[]> = {
  'Run a program': [
    (answer) => expect(JSON.parse(answer)).toMatchObject({ status: 'succeeded', stdout: '45\n' }),
    (answer) => expect(JSON.parse(answer)).toMatchObject({ status: 'succeeded', stdout: '42\n' }),
  ],
  'Call a function': [
    (answer) => expect(JSON.parse(answer).result).toEqual([1.05, 1.1025, 1.1576]),
  ],
  'Run a cell': [
    (answer) => {
      const { displays, result } = JSON.parse(answer)
      expect(displays).toMatchObject([{ 'image/png': expect.stringMatching(/^iVBOR/) }])
      expect(result['text/html']).toContain('<table')
    },
  ],
  'Input: stdin, arguments, environment': [
    (answer) => expect(JSON.parse(answer).stdout).toBe('3\n2\n1\n'),
  ],
  'Files in and out': [
    (answer) => {
      const { stdout, files } = JSON.parse(answer)
      expect(stdout).toBe('10\n')
      expect(files).toMatchObject([{ path: 'report.json', media_type: 'application/json' }])
    },
  ],
  'See output while the program runs': [
    (answer) => {
      const names = [...answer.matchAll(/^event: (\w+)$/gm)].map(([, name]) => name)
      expect([names[0], names[1], names.at(-1)]).toEqual(['started', 'stdout', 'done'])
      expect(answer).toContain('"stdout":"1\\n2\\n3\\n"')
    },
  ],
  'Limits of a run': [(answer) => expect(JSON.parse(answer).status).toBe('timed_out')],
  'Many runs': [
    (answer) => {
      const { results } = JSON.parse(answer)
      expect(results.map(({ stdout }: { stdout: string }) => stdout)).toEqual(['9\n', '16\n'])
    },
  ],
  'Run it now, read the outcome later': [
    (answer) => {
      const { status, outcome } = JSON.parse(answer)
      expect([status, outcome.stdout]).toEqual(['succeeded', '1\n2\n'])
      expect(outcome.files).toMatchObject([{ path: 'log.txt', size: 5 }])
    },
    (answer) => {
      expect(answer).toMatch(/^id: 2\nevent: stdout\n/)
      expect(answer).toMatch(/\nevent: done\ndata: .*\n\ndone\n$/)
    },
  ],
  'Send a request again': [
    (answer) => {
      const [first, second] = answer.split(/(?<=\})(?=\{"id")/)
      expect(JSON.parse(first ?? '').stdout).toMatch(/^\d+\n$/)
      expect(second).toBe(first)
    },
  ],
  'Be called when a run has ended': [
    (answer) => expect(JSON.parse(answer)).toMatchObject({ status: 'queued', outcome: null }),
  ],
  Errors: [(answer) => expect(JSON.parse(answer).type).toBe('/problems/invalid-request')],
}

describe('docs/api.md', () => {
  test('has no example without a test', () => {
    const all = [...TEXT.matchAll(/```bash\n/g)].length
    expect(Object.values(expected).flat()).toHaveLength(all)
  })

  test.each(Object.keys(expected))('%s', async (heading) => {
    const commands = commandsOf(heading)
    expect(commands).toHaveLength(expected[heading]?.length ?? 0)
    for (const [index, command] of commands.entries()) {
      expected[heading]?.[index]?.(await runExample(command))
    }
  })
})
