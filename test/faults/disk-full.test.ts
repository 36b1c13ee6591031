import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { fill } from '../support/full-disk.ts'
import { freePort, launchService, type Service } from '../support/service.ts'
import { executorsOf, NO_TRACES, tracesOf, until } from '../support/traces.ts'
import { FAILURES, Load, metric } from './load.ts'
import { onOwnDisk } from './own-disk.ts'

test('a disk that is full while it serves: busy is said, and it recovers with space', async () => {
  const { service, disk } = await startOnSmallDisk()
  const load = new Load(service, 2)
  await until(() => load.counts.right >= 3)
  fill(path.join(disk, 'ballast'))
  await until(async () => (await metric(service, FAILURES)) >= 2)
  const busy = load.counts.busy
  await until(() => load.counts.busy >= busy + 2)
  rmSync(path.join(disk, 'ballast'))
  const before = load.counts.right
  await until(() => load.counts.right >= before + 2)
  await load.stop()
  expect(load.wrong).toEqual([])
  expect(load.counts).toMatchObject({ closed: 0, refused: 0, internal: 0, died: 0 })
  // Each folder of a sandbox belongs to one that lives.
  await until(() => sandboxFolders(disk).join() === executorsOf(service.pid).join())
  // Lines that found no space are counted when there is some again.
  expect(readFileSync(path.join(disk, 'log'), 'utf8')).toMatch(/executor not made|"lost":\d/)
  service.kill('SIGTERM')
  expect(await service.ended()).toBe(0)
  expect(tracesOf(service.pid)).toEqual(NO_TRACES)
})

/**
 * One small disk for files of sandboxes, snapshots and the log.
 * @returns disk: where it can be seen from outside of the service's mounts
 */
async function startOnSmallDisk(): Promise<{ service: Service; disk: string }> {
  const folder = mkdtempSync(path.join(tmpdir(), 'executor-manager-disk-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const inside = path.join(folder, 'disk')
  const port = String(await freePort())
  const service = launchService(
    { SANDBOX_EXECUTOR_MANAGER_PORT: port, EXECUTOR_MANAGER_QUEUE_WAIT: '500ms' },
    onOwnDisk(inside, '16m', `>'${inside}/log' 2>&1`),
  )
  const disk = `/proc/${service.pid}/root${inside}`
  service.client.url = `http://127.0.0.1:${port}`
  const log = path.join(disk, 'log')
  await until(() => existsSync(log) && readFileSync(log, 'utf8').includes('serves on'))
  return { service, disk }
}

function sandboxFolders(disk: string): string[] {
  const run = path.join(disk, 'run')
  return readdirSync(run)
    .flatMap((owner) => readdirSync(path.join(run, owner)))
    .filter((name) => /^[a-z-]+-\d+$/.test(name))
    .sort()
}
