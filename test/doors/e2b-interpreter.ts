import { readFileSync } from 'node:fs'
import path from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { projectDir } from '../../src/config.ts'
import { scaledMs } from '../../src/lib/time-scale.ts'
import { runCommand } from '../support/command-line.ts'
import { type NpmPackage, npmPackage } from '../support/npm-package.ts'
import { cachedPython } from '../support/python.ts'
import { buildWorkspace, e2bEnvironment } from './e2b-service.ts'
import { atEnd } from './service.ts'

/** E2B's code interpreter, by E2B's own clients and by agent frameworks that use them. */

const FOLDER = path.join(projectDir(), 'test/doors/e2b')
const INSTALL_MS = scaledMs(900_000)
const PROGRAM_MS = scaledMs(300_000)

const stepsOf = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))

/** What the programs print of the code interpreter in Python; see interpreter.py. */
const PYTHON_STEPS = [
  ['42', ['out\n'], 1, null],
  ['ZeroDivisionError', 'division by zero', true],
  [
    [['text', 'png', 'chart'], ['text']],
    [
      [0, 1],
      [1, 4],
    ],
  ],
  [{ a: [1, 2] }, true],
  [['of the sandbox\n'], ['42\n']],
  ['of the run'],
  ['42', '7'],
  [['/tmp\n']],
  ["(6, '/tmp')", 'NameError'],
  ['NameError'],
  [['python', 'javascript', 'bash']],
  [expect.stringContaining('no context or language r; its languages: python')],
  [expect.stringContaining('no context or language c-')],
  ['42'],
  [true],
]

const JAVASCRIPT_STEPS = [
  ['42', ['out\n'], 1, null],
  ['ZeroDivisionError', 'division by zero', true],
  [
    [['png'], []],
    [
      [0, 1],
      [1, 4],
    ],
  ],
  ['é😀é😀é😀', ['of the sandbox\n']],
  ['of the run'],
  ["[ 6, '/tmp' ]"],
  ['ReferenceError'],
  [true, ['python', 'javascript']],
  ['TimeoutError', '42'],
  [true],
]

/** Frameworks, what each needs of PyPI, and what its program prints last. */
const FRAMEWORKS = [
  {
    name: 'deepagents 0.6 (langchain-e2b)',
    program: 'with_deepagents.py',
    packages: ['langchain-e2b==0.0.6'],
    last: ['78 done', "b'\\x00\\xff'"],
  },
  {
    name: 'smolagents 1.26 (E2BExecutor)',
    program: 'with_smolagents.py',
    packages: ['smolagents[e2b]==1.26.0'],
    last: ['42 5000', 'True True'],
  },
  {
    name: 'crewai-tools 1.15 (E2B tools)',
    program: 'with_crewai.py',
    packages: ['crewai-tools==1.15.30', 'e2b-code-interpreter'],
    last: ['None 42', 'IndexError', '42', 'text'],
  },
  {
    name: 'agno 3.1 (E2BTools)',
    program: 'with_agno.py',
    packages: ['agno==3.1.10', 'e2b-code-interpreter'],
    last: ['text', '["STDOUT:\\n42\\n"]', expect.stringContaining('success')],
  },
  {
    name: 'openai-agents 0.20 (E2BSandboxClient)',
    program: 'with_openai_agents.py',
    packages: ['openai-agents==0.20.0', 'e2b'],
    last: ['0 78', '3', 'print(sum(range(13)))'],
  },
  {
    name: 'commands as of RAGFlow in Go',
    program: 'with_e2b.py',
    packages: ['e2b==2.63.0'],
    last: ['42', '42', '3', 'True'],
  },
]

describe('e2b', () => {
  beforeAll(buildWorkspace, INSTALL_MS)

  describe.each(['2.11.5', '2.9.1'])('e2b-code-interpreter %s', (version) => {
    let python: string | null
    beforeAll(async () => {
      const old = version === '2.9.1' ? ['e2b==2.45.1'] : []
      python = await cachedPython([`e2b-code-interpreter==${version}`, ...old])
    }, INSTALL_MS)

    test.each(['threads', 'asyncio'])(
      'its steps for %s',
      async (kind) => {
        if (python === null) throw new Error('PyPI is not reached')
        const words = [path.join(FOLDER, 'interpreter.py'), kind]
        const ended = await runCommand(python, words, { env: e2bEnvironment() })
        expect(ended.stderr).toBe('')
        expect(stepsOf(ended.stdout)).toEqual(PYTHON_STEPS)
      },
      PROGRAM_MS,
    )
  })

  describe.each(['2.8.0', '2.7.0'])('@e2b/code-interpreter %s', (version) => {
    let client: NpmPackage
    beforeAll(async () => {
      client = await npmPackage(`@e2b/code-interpreter@${version}`, atEnd)
    }, INSTALL_MS)

    test(
      'its steps',
      async () => {
        const source = readFileSync(path.join(FOLDER, 'interpreter.mjs'), 'utf8')
        const ended = await client.runModule(source, { env: e2bEnvironment() })
        expect(ended.stderr).toBe('')
        expect(stepsOf(ended.stdout)).toEqual(JAVASCRIPT_STEPS)
      },
      PROGRAM_MS,
    )
  })

  describe.each(FRAMEWORKS)('$name', ({ program, packages, last }) => {
    let python: string | null
    beforeAll(async () => {
      python = await cachedPython(packages)
    }, INSTALL_MS)

    test(
      'its smallest program',
      async ({ skip }) => {
        if (python === null) return skip('PyPI is not reached')
        const ended = await runCommand(python, [path.join(FOLDER, program)], {
          env: e2bEnvironment(),
        })
        const lines = ended.stdout.trimEnd().split('\n')
        expect(lines.slice(-last.length), ended.stderr).toEqual(last)
      },
      PROGRAM_MS,
    )
  })
})
