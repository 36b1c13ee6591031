import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { projectDir } from '../../src/config.ts'
import { dummyPackage } from '../support/dummy-package.ts'
import { poolCounts } from '../support/footprint.ts'
import { type Service, startService } from '../support/service.ts'
import { SmallInternet } from '../support/small-internet.ts'
import { executorsOf, NO_TRACES, tracesOf, until } from '../support/traces.ts'

/** What cannot be removed now is tried again, and counts as in use until then. */

/** The folders of an executor's cgroup, in all hierarchies. */
const cgroupsOf = (executor: string, pid: number) =>
  tracesOf(pid).cgroups.filter((folder) => path.basename(folder) === executor)

test('a cgroup that cannot be removed: its place stays taken until it can', async () => {
  const service = await startService()
  const { client, pid } = service
  const executor = executorsOf(pid).find((id) => id.startsWith('nodejs-')) as string
  const program = 'function main() { return 1 }'
  // A cgroup in which there is another one cannot be removed.
  const obstacles = cgroupsOf(executor, pid).map((folder) => path.join(folder, 'obstacle'))
  for (const obstacle of obstacles) mkdirSync(obstacle)
  const removeObstacles = () => {
    for (const obstacle of obstacles.splice(0)) rmdirSync(obstacle)
  }
  onTestFinished(removeObstacles)

  expect((await client.run('nodejs', program)).result?.value).toBe(1)
  await until(() => service.output().includes('executor not removed yet'))
  expect((await poolCounts(client)).nodejs).toMatchObject({ disposing: 1 })
  expect((await client.run('nodejs', program)).result?.value).toBe(1)
  expect(cgroupsOf(executor, pid)).not.toEqual([])

  removeObstacles()
  await until(() => cgroupsOf(executor, pid).length === 0)
  await until(async () => (await poolCounts(client)).nodejs?.disposing === 0)
  await endsCleanly(service)
})

test('a network link that cannot be reset is out of use until it can', async () => {
  const internet = new SmallInternet()
  await internet.open()
  onTestFinished(() => internet.close())
  const folder = mkdtempSync(path.join(tmpdir(), 'executor-manager-links-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const illness = path.join(folder, 'illness')
  const through = [
    ...internet.through,
    ...dummyPackage(folder, '/usr/sbin/conntrack', `[ ! -e '${illness}' ] || exit 9`),
  ]
  const program = path.join(projectDir(), 'test/support/link-user.ts')
  const words = [...through.slice(1), process.execPath, program, folder, illness]
  const { stdout } = await promisify(execFile)(through[0] as string, words)
  expect(stdout).toBe('not while it cannot be reset\nthen again\n')
  expect(internet.traces().tables).toEqual([])
})

async function endsCleanly(service: Service): Promise<void> {
  service.kill('SIGTERM')
  expect(await service.ended()).toBe(0)
  expect(tracesOf(service.pid)).toEqual(NO_TRACES)
}
