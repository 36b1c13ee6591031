import path from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { projectDir } from '../../src/config.ts'
import { scaledMs } from '../../src/lib/time-scale.ts'
import { runCommand } from '../support/command-line.ts'
import { useManager } from '../support/manager.ts'
import { cachedPython, FRAMEWORKS } from '../support/python.ts'
import { examplesOf } from '../support/readme-examples.ts'

/** The adapters of the Python client, in the frameworks that PyPI has. */

const manager = useManager({
  runtimes: ['python', 'nodejs', 'bash'],
  codePolicy: 'balanced',
  limits: { wallTimeMs: 20_000 },
})
let python: string | null = null
beforeAll(async () => {
  python = await cachedPython(['httpx>=0.27', ...[...FRAMEWORKS.values()].flat()])
}, scaledMs(900_000))

const run = (words: readonly string[]) =>
  runCommand(python as string, words, {
    env: {
      EXECUTOR_MANAGER_URL: manager.url,
      PYTHONPATH: path.join(projectDir(), 'clients/python/src'),
      PYTHONDONTWRITEBYTECODE: '1',
    },
    cwd: projectDir(),
  })

describe('frameworks', () => {
  const examples = examplesOf('clients/python/README.md', 'python')
  test.for(examples.filter(({ name }) => FRAMEWORKS.has(name)))(
    'the example of $name prints what the README says',
    async ({ code, output }, { skip }) => {
      if (python === null) return skip('PyPI is not reached')
      expect((await run(['-c', code])).stdout.trimEnd()).toBe(output.trimEnd())
    },
  )

  test('the cases of clients/python/tests/test_frameworks.py pass', async ({ skip }) => {
    if (python === null) return skip('PyPI is not reached')
    const end = await run(['-m', 'unittest', 'clients/python/tests/test_frameworks.py'])
    expect(`${end.code} ${end.stderr}`).toMatch(/^0 [\s\S]*\nOK\n$/)
  })
})
