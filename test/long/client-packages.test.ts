import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { projectDir } from '../../src/config.ts'
import { scaledMs } from '../../src/lib/time-scale.ts'
import { runCommand } from '../support/command-line.ts'
import { useManager } from '../support/manager.ts'
import { cachedPython, FRAMEWORKS, makePython } from '../support/python.ts'
import { examplesOf } from '../support/readme-examples.ts'

/** The clients as packages: built, installed into an empty folder, and used there. */

const manager = useManager({
  runtimes: ['python', 'bash'],
  poolSize: 2,
  limits: { wallTimeMs: 20_000 },
})
const folder = mkdtempSync(path.join(tmpdir(), 'client-packages-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** @throws Error with what the command said */
async function succeed(program: string, words: readonly string[], cwd: string) {
  const env = { EXECUTOR_MANAGER_URL: manager.url }
  const end = await runCommand(program, words, { cwd, env })
  if (end.code !== 0) throw new Error(`${program} ${words.join(' ')}: ${end.stdout}${end.stderr}`)
  return end.stdout
}

function copyOf(client: string): string {
  const copy = path.join(folder, client)
  cpSync(path.join(projectDir(), 'clients', client), copy, { recursive: true })
  return copy
}

test('npm pack makes a package of JavaScript and types that works in an empty folder', async () => {
  const source = copyOf('typescript')
  const tsc = path.join(projectDir(), 'node_modules/typescript/bin/tsc')
  await succeed(process.execPath, [tsc, '-p', source], source)
  await succeed('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], source)
  const packed = readdirSync(folder).find((name) => name.endsWith('.tgz')) as string
  const user = path.join(folder, 'user')
  mkdirSync(user)
  writeFileSync(path.join(user, 'package.json'), '{"private": true, "type": "module"}')
  const install = ['install', '--offline', '--no-audit', '--no-fund', path.join(folder, packed)]
  await succeed('npm', install, user)
  const installed = readdirSync(path.join(user, 'node_modules/executor-manager-client'))
  expect(installed.sort()).toEqual(['README.md', 'dist', 'package.json'])
  const [example] = examplesOf('clients/typescript/README.md', 'ts')
  writeFileSync(path.join(user, 'example.mjs'), example?.code ?? '')
  expect(await succeed(process.execPath, ['example.mjs'], user)).toBe(example?.output)
  // The types are of use too: a wrong member is found, the example is not.
  const lines = [example?.code, "await manager.run({ language: 'python', kode: '' })"]
  writeFileSync(path.join(user, 'example.mts'), lines.join('\n'))
  const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2022']
  const checked = await runCommand(process.execPath, [tsc, ...options, 'example.mts'], {
    cwd: user,
  })
  expect(checked.stdout.trim().split('\n')).toEqual([
    expect.stringContaining("'kode' does not exist"),
  ])
})

describe('Python', () => {
  let python = ''
  const env = () => ({ EXECUTOR_MANAGER_URL: manager.url })
  beforeAll(async () => {
    const builder = await cachedPython(['build>=1.2', 'hatchling>=1.21'])
    if (builder === null) throw new Error('PyPI is not reached, and the package needs httpx anyway')
    const build = ['-m', 'build', '--no-isolation', '--outdir', folder, copyOf('python')]
    await succeed(builder, build, folder)
    const built = readdirSync(folder).filter((name) => /\.(whl|tar\.gz)$/.test(name))
    expect(built).toHaveLength(2)
    const wheel = built.find((name) => name.endsWith('.whl')) as string
    python = await makePython(path.join(folder, 'venv'), [path.join(folder, wheel)])
  }, scaledMs(300_000))

  test('the wheel brings its types', async () => {
    const code = 'import executor_manager, os; print(os.listdir(executor_manager.__path__[0]))'
    const { stdout } = await runCommand(python, ['-c', code], { cwd: folder })
    expect(stdout).toContain("'py.typed'")
  })

  const examples = examplesOf('clients/python/README.md', 'python')
  // Those of frameworks are of test/doors/frameworks.test.ts.
  test.each(examples.filter(({ name }) => !FRAMEWORKS.has(name)))(
    'the example of $name prints what the README says',
    async ({ code, output }) => {
      const end = await runCommand(python, ['-c', code], { env: env(), cwd: folder })
      expect(end).toEqual({ code: 0, stdout: output, stderr: '' })
    },
  )

  test('the cases of clients/python/tests pass', async () => {
    const files = ['client', 'service'].map((name) => `clients/python/tests/test_${name}.py`)
    const words = ['-m', 'unittest', ...files]
    const end = await runCommand(python, words, { env: env(), cwd: projectDir() })
    expect(`${end.code} ${end.stderr}`).toMatch(/^0 [\s\S]*\nOK\n$/)
  })
})
