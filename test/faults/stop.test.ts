import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest'
import { scaledMs } from '../../src/lib/time-scale.ts'
import { findRunsc } from '../../src/setup/runsc.ts'
import { dummyPackage } from '../support/dummy-package.ts'
import { makePrivateHome } from '../support/private-home.ts'
import { launchService, type Service, startService } from '../support/service.ts'
import { SmallInternet } from '../support/small-internet.ts'
import { NO_TRACES, tracesOf, until } from '../support/traces.ts'
import { realHome } from './own-disk.ts'

/** SIGTERM ends the service within the time of grace and a few seconds, whatever goes on. */

/** The 5 s of the promise, and what a busy machine adds to the end of a process. */
const WITHIN_MS = scaledMs(5000) + 10_000
const RUNSC = findRunsc(realHome)?.runscPath as string

let folder: string
const file = (name: string) => path.join(folder, name)

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'executor-manager-stop-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** A script that hangs where the words of a command match, once there is a file named `hang`. */
const hangsAt = (pattern: string) => `case " $* " in
  ${pattern}) if [ -e '${file('hang')}' ]; then : > '${file('hangs')}'; exec sleep 1000; fi ;;
esac`

const isHanging = () => until(() => existsSync(file('hangs')))

async function endsInTime(service: Service): Promise<void> {
  const started = performance.now()
  service.kill('SIGTERM')
  expect(await service.ended()).toBe(0)
  expect(performance.now() - started).toBeLessThan(WITHIN_MS)
}

test('while an executor is made that hangs', async () => {
  const service = await startService(
    {},
    dummyPackage(folder, RUNSC, hangsAt('*" restore "*|*" run "*')),
  )
  writeFileSync(file('hang'), '')
  expect((await service.client.run('bash', 'echo 1')).stdout).toBe('1\n')
  await isHanging()
  await endsInTime(service)
  expect(tracesOf(service.pid)).toEqual(NO_TRACES)
})

test('while a snapshot is made that hangs', async () => {
  const home = makePrivateHome()
  onTestFinished(() => rmSync(home, { recursive: true, force: true }))
  writeFileSync(file('hang'), '')
  const service = launchService(
    { EXECUTOR_MANAGER_HOME: home, SANDBOX_EXECUTOR_MANAGER_PORT: '0' },
    dummyPackage(folder, RUNSC, hangsAt('*" checkpoint "*')),
  )
  await isHanging()
  await endsInTime(service)
  expect(tracesOf(service.pid)).toEqual(NO_TRACES)
})

test('while nft hangs; the next start removes the rules', async () => {
  const internet = new SmallInternet()
  await internet.open()
  onTestFinished(() => internet.close())
  const through = [...internet.through, ...dummyPackage(folder, '/usr/sbin/nft', hangsAt('*'))]
  const service = await startService(internet.settings, through)
  writeFileSync(file('hang'), '')
  await endsInTime(service)
  expect(internet.traces().tables).not.toEqual([])
  rmSync(file('hang'))
  const next = await startService(internet.settings, internet.through)
  expect(internet.traces().tables).toHaveLength(1)
  await endsInTime(next)
  expect(internet.traces().tables).toEqual([])
  expect(tracesOf(service.pid)).toEqual(NO_TRACES)
})
