import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { limitsOf, projectDir, readConfig } from '../../src/config.ts'
import { RunscEngine } from '../../src/engine/runsc/engine.ts'
import type { EngineEvents } from '../../src/engine/runsc/engine-context.ts'
import type { ExecutorMaker } from '../../src/engine/runsc/executor-maker.ts'
import type { InstalledRuntime } from '../../src/engine/runsc/installation.ts'
import { probePlatform } from '../../src/engine/runsc/platform.ts'
import { plainTask } from '../../src/run/task.ts'
import type { InputFile } from '../../src/run/types.ts'
import { ensureInstallation } from '../../src/setup/install.ts'
import { sample } from '../support/sample.ts'

sample(3)

/** Files that the manager would never send: the supervisor checks where it puts them itself. */
const SILENT = new Proxy({} as EngineEvents, { get: () => () => {} })
const config = readConfig({ EXECUTOR_MANAGER_HOME: process.env.EXECUTOR_MANAGER_HOME })
const { signal } = new AbortController()

let engine: RunscEngine
let maker: ExecutorMaker

beforeAll(async () => {
  const runtimesDir = path.join(projectDir(), 'runtimes')
  const installation = await ensureInstallation(config.home, runtimesDir, () => {})
  const bash = installation.runtimes.find(({ runtime }) => runtime.name === 'bash')
  const installed = bash as InstalledRuntime
  const platform = await probePlatform({
    ...installation,
    rootfs: installed.rootfs,
    home: config.home,
  })
  const demand = { isShort: () => true }
  engine = await RunscEngine.open(installation, platform, config.home, null, SILENT, demand)
  maker = engine.makerFor(installed, limitsOf(config, installed.runtime.limits))
  await maker.prepare()
})
afterAll(() => engine?.close())

async function run(files: InputFile[]) {
  const executor = await maker.create()
  try {
    const task = { ...plainTask(Buffer.from('cat data/a'), config.limits), files }
    return (await executor.run(task, signal)).transcript
  } finally {
    await executor.dispose()
  }
}

const file = (name: string) => ({ path: name, content: Buffer.from('x') })

test('a file inside is put there', async () => {
  const { stdout, report } = await run([file('data/a')])
  expect(Buffer.concat(stdout).toString()).toBe('x')
  expect(report).toMatchObject({ cause: 'ended', exitCode: 0 })
})

const ODD_PATHS = [
  '../tmp/a',
  'data/../../tmp/a',
  '/tmp/a',
  '.',
  '..',
  '',
  'data/',
  'data//a',
  'main.sh',
  'main.sh/a',
  'artifacts',
  'x'.repeat(1025),
]

test.each(ODD_PATHS.map((name) => [name.slice(0, 20), name]))(
  '%j ends the sandbox before the program',
  async (_shown, name = '') => {
    expect(await run([file('data/a'), file(name)])).toMatchObject({
      stdout: [],
      report: null,
      violation: null,
    })
  },
)

test('so does a file twice', async () => {
  expect(await run([file('data/a'), file('data/a')])).toMatchObject({ stdout: [], report: null })
})
