import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readConfig } from '../../src/config.ts'
import { findRunsc } from '../../src/setup/runsc.ts'
import { startService } from '../support/service.ts'
import { executorsOf, NO_TRACES, tracesOf, until } from '../support/traces.ts'
import { Load } from './load.ts'

let folder: string
let home: string

/** A data folder of its own, and a runsc that is the real one until there is an illness. */
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'executor-manager-ill-'))
  home = path.join(folder, 'home')
  mkdirSync(home)
  const real = readConfig({ EXECUTOR_MANAGER_HOME: process.env.EXECUTOR_MANAGER_HOME }).home
  for (const name of readdirSync(real)) {
    if (['snapshots', 'runsc-version.json', 'platform.json'].includes(name)) continue
    symlinkSync(path.join(real, name), path.join(home, name))
  }
  const snapshots = path.join(real, 'snapshots')
  if (readdirSync(real).includes('snapshots')) {
    cpSync(snapshots, path.join(home, 'snapshots'), { recursive: true })
  }
  const bin = path.join(folder, 'bin')
  mkdirSync(bin)
  const script = `#!/bin/sh
case " $* " in
  *" run --detach "*|*" restore --detach "*) [ ! -e '${folder}/illness' ] || . '${folder}/illness' ;;
esac
exec '${findRunsc(real)?.runscPath}' "$@"
`
  writeFileSync(path.join(bin, 'runsc'), script)
  chmodSync(path.join(bin, 'runsc'), 0o755)
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

function fallIll(script: string): void {
  const draft = path.join(folder, 'draft')
  writeFileSync(draft, script)
  cpSync(draft, path.join(folder, 'illness'))
}

test.each([
  ['fails at once', 'echo "runsc: no" >&2; exit 128'],
  ['prints garbage without end', 'exec cat /dev/urandom'],
])('runsc that %s: busy is said, the circuit opens, and it recovers', async (_what, script) => {
  const service = await start()
  const load = new Load(service, 2)
  await until(() => load.counts.right >= 3)
  fallIll(script)
  await until(() => circuitOpen(service))
  await until(() => load.counts.busy >= 2)
  rmSync(path.join(folder, 'illness'))
  const before = load.counts.right
  await until(() => load.counts.right >= before + 5)
  await until(async () => !(await circuitOpen(service)))
  await load.stop()
  expect(load.wrong).toEqual([])
  expect(load.counts).toMatchObject({ closed: 0, refused: 0, internal: 0, died: 0 })
  await expectClean(service)
})

test('runsc that hangs: busy is said meanwhile, then it goes on', async () => {
  const service = await start()
  const load = new Load(service, 2)
  await until(() => load.counts.right >= 3)
  // Killed from outside when it takes too long, or well again of itself: both are met.
  fallIll(`while [ -e '${folder}/illness' ]; do sleep 0.1; done`)
  await until(() => load.counts.busy >= 2)
  rmSync(path.join(folder, 'illness'))
  const before = load.counts.right
  await until(() => load.counts.right >= before + 5)
  await load.stop()
  expect(load.wrong).toEqual([])
  expect(load.counts).toMatchObject({ closed: 0, refused: 0, internal: 0, died: 0 })
  await expectClean(service)
})

function start() {
  return startService({
    EXECUTOR_MANAGER_HOME: home,
    EXECUTOR_MANAGER_QUEUE_WAIT: '500ms',
    PATH: `${path.join(folder, 'bin')}:${process.env.PATH}`,
  })
}

type Service = Awaited<ReturnType<typeof start>>

async function circuitOpen({ client }: Service): Promise<boolean> {
  const text = await (await fetch(`${client.url}/metrics`)).text()
  return /^executor_manager_circuit\S*\{runtime="python"\} 1$/m.test(text)
}

async function expectClean(service: Service): Promise<void> {
  const { pid } = service
  await until(() => {
    const folders = new Set(tracesOf(pid).cgroups.map((cgroup) => cgroup.split('/').at(-1)))
    return folders.size === executorsOf(pid).length + 1
  })
  service.kill('SIGTERM')
  expect(await service.ended()).toBe(0)
  expect(tracesOf(pid)).toEqual(NO_TRACES)
}
