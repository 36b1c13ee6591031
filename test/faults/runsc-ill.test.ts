import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { findRunsc } from '../../src/setup/runsc.ts'
import { type Service, startService } from '../support/service.ts'
import { executorsOf, NO_TRACES, tracesOf, until } from '../support/traces.ts'
import { FAILURES, Load, metric } from './load.ts'
import { onOwnDisk, realHome } from './own-disk.ts'

let folder: string

/** A runsc that is the real one until there is an illness. */
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'executor-manager-ill-'))
  const bin = path.join(folder, 'bin')
  mkdirSync(bin)
  const script = `#!/bin/sh
case " $* " in
  *" run --detach "*|*" restore --detach "*) [ ! -e '${folder}/illness' ] || . '${folder}/illness' ;;
esac
exec '${findRunsc(realHome)?.runscPath}' "$@"
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

test('runsc that fails at once: busy is said, the circuit opens, and it recovers', async () => {
  const service = await start()
  const load = new Load(service, 2)
  await until(() => load.counts.right >= 3)
  fallIll('echo "runsc: no" >&2; exit 128')
  await until(() => circuitOpen(service))
  await until(() => load.counts.busy >= 2)
  await recovers(load)
  await until(async () => !(await circuitOpen(service)))
  await expectClean(service)
})

test('runsc that prints garbage without end: busy is said, and it recovers', async () => {
  const service = await start()
  const load = new Load(service, 2)
  await until(() => load.counts.right >= 3)
  fallIll('exec cat /dev/urandom')
  await until(async () => (await metric(service, FAILURES)) >= 2)
  await recovers(load)
  await expectClean(service)
})

test('runsc that hangs: busy is said meanwhile, then it goes on', async () => {
  const service = await start()
  const load = new Load(service, 2)
  await until(() => load.counts.right >= 3)
  // Killed from outside when it takes too long, or well again of itself: both are met.
  fallIll(`while [ -e '${folder}/illness' ]; do sleep 0.1; done`)
  await until(() => load.counts.busy >= 2)
  await recovers(load)
  await expectClean(service)
})

test('runsc that fails from the start on: the start ends, and says what is missing', async () => {
  fallIll('echo "runsc: no" >&2; exit 128')
  const started = start({ EXECUTOR_MANAGER_START_TIMEOUT: '1s', EXECUTOR_MANAGER_SNAPSHOTS: 'off' })
  await expect(started).rejects.toThrow(
    /ended with 1: [\s\S]*executor-manager: No executor became ready within 1 s for .*python \(last: .*EXECUTOR_MANAGER_START_TIMEOUT/,
  )
})

async function recovers(load: Load): Promise<void> {
  rmSync(path.join(folder, 'illness'))
  const before = load.counts.right
  await until(() => load.counts.right >= before + 2)
  await load.stop()
  expect(load.wrong).toEqual([])
  expect(load.counts).toMatchObject({ closed: 0, refused: 0, internal: 0, died: 0 })
}

/** What the stand-in's illness spoils is the service's own. */
function start(settings: Record<string, string> = {}) {
  return startService(
    {
      EXECUTOR_MANAGER_QUEUE_WAIT: '500ms',
      ...settings,
      PATH: `${path.join(folder, 'bin')}:${process.env.PATH}`,
    },
    onOwnDisk(path.join(folder, 'disk'), '1g'),
  )
}

async function circuitOpen(service: Service): Promise<boolean> {
  return (await metric(service, 'circuit_open{runtime="python"}')) === 1
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
