import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { removeWithMounts, unmountBelow } from '../../../src/engine/runsc/leftover-mounts.ts'
import { type Service, startService, withoutVariants } from '../../support/service.ts'
import { NO_TRACES, RUN_ROOT, tracesOf } from '../../support/traces.ts'

/** With whichever runsc is in use: some leave mounts of their own. */

/** The first start with a runsc makes its snapshots. */
const PATIENT = { timeout: 300_000 }

test(
  'after SIGTERM no process, cgroup, folder or mount of the manager is left',
  PATIENT,
  async () => {
    const service = await startService(withoutVariants())
    await useSome(service)
    service.kill('SIGTERM')
    expect(await service.ended()).toBe(0)
    expectNothingOf(service.pid)
  },
)

test(
  'after kill -9 the next start removes all that was left, whatever is mounted there',
  PATIENT,
  async () => {
    const killed = await startService(withoutVariants())
    await useSome(killed)
    killed.kill('SIGKILL')
    await killed.ended()
    const [owner] = tracesOf(killed.pid).folders
    const folder = path.join(RUN_ROOT, owner as string)
    // As a runsc of another release may leave it: on a file, in a sandbox's folder, two on one point.
    const point = path.join(folder, 'python-1', 'a mount')
    mkdirSync(point, { recursive: true })
    writeFileSync(path.join(folder, 'null-netns'), '')
    mount('-t', 'tmpfs', 'tmpfs', point)
    mount('-t', 'tmpfs', 'tmpfs', point)
    mount('--bind', '/proc/self/ns/net', path.join(folder, 'null-netns'))
    const next = await startService(withoutVariants())
    expectNothingOf(killed.pid)
    expect(await useSome(next)).toBe(true)
    next.kill('SIGTERM')
    expect(await next.ended()).toBe(0)
    expectNothingOf(next.pid)
  },
)

test('what cannot be removed does not keep a manager from starting', PATIENT, async () => {
  // In a /run of its own, for other managers of this machine would find it too. No process has this id.
  const leftover = `${RUN_ROOT}/9999999-1`
  const prepare = [
    `mkdir -p ${RUN_ROOT}`,
    `mount -t tmpfs tmpfs ${RUN_ROOT}`,
    `mkdir ${leftover}`,
    `touch ${leftover}/kept`,
    `{ chattr +i ${leftover}/kept || echo not kept; }`,
    'exec "$@"',
  ].join(' && ')
  const service = await startService({}, ['unshare', '--mount', 'sh', '-c', prepare, 'sh'])
  if (!service.output().includes('not kept')) {
    expect(service.output()).toContain(`${leftover} cannot be removed`)
  }
  expect(await useSome(service)).toBe(true)
})

test('a folder with mounts in it is removed, and nothing behind a mount is touched', async () => {
  const root = mkdtempSync(path.join(tmpdir(), 'executor-manager-mounts-'))
  const behind = path.join(root, 'behind')
  const folder = path.join(root, 'folder')
  mkdirSync(path.join(folder, 'point'), { recursive: true })
  mkdirSync(behind)
  writeFileSync(path.join(behind, 'precious'), '')
  onTestFinished(() => void unmountBelow(root))
  mount('--bind', behind, path.join(folder, 'point'))
  mount('--bind', behind, path.join(folder, 'point'))
  expect(await removeWithMounts(folder)).toBe(true)
  expect(existsSync(folder)).toBe(false)
  expect(readdirSync(behind)).toEqual(['precious'])
  expect(await removeWithMounts(root)).toBe(true)
  expect(await removeWithMounts(root), 'again').toBe(true)
})

/** Runs something in each language, so that executors have come and gone. */
async function useSome({ client }: Service): Promise<boolean> {
  const answers = await Promise.all([
    client.run('python', "def main(): return 'p'"),
    client.run('nodejs', "function main() { return 'n' }"),
  ])
  return answers.every(({ status }) => status === 'success')
}

function expectNothingOf(pid: number): void {
  expect(tracesOf(pid)).toEqual(NO_TRACES)
}

function mount(...args: string[]): void {
  expect(spawnSync('mount', args).status, args.join(' ')).toBe(0)
}
