import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { projectDir, readConfig } from '../../../src/config.ts'
import { findCgroups, openCgroupTree, subfolders } from '../../../src/engine/runsc/cgroup-tree.ts'
import { LEAF_NAME } from '../../../src/engine/runsc/cgroup-unified.ts'
import { scaledMs, TIME_SCALE } from '../../../src/lib/time-scale.ts'
import { MIB } from '../../../src/lib/units.ts'
import type { ExecutorManager } from '../../../src/manager.ts'
import { Client } from '../../support/client.ts'
import { openManager } from '../../support/manager.ts'
import { freePort, startService } from '../../support/service.ts'
import { NO_TRACES, tracesOf, until } from '../../support/traces.ts'

/**
 * What the kernel and systemd do with the manager's cgroups; `npm run test:v2` runs it in a machine that
 * has both. Starts are slow there.
 */
const isV2 = findCgroups().version === 2
const hasSystemd = existsSync('/run/systemd/system')
const PATIENT = { timeout: scaledMs(60_000) }
const KIB_PER_MIB = 1024
/** Second of the epoch. What a unit of this name said before is of another try. */
const BEGUN = Math.floor(Date.now() / 1000)
/**
 * A start that makes no snapshots takes half the time; with runs so large the memory has no room for pools
 * beside those of the languages.
 */
const COLD = { EXECUTOR_MANAGER_SNAPSHOTS: 'false', SANDBOX_MAX_MEMORY: '1500m' }

describe.skipIf(!isV2)('in its own cgroup', () => {
  const client = new Client()
  let manager: ExecutorManager

  beforeAll(async () => {
    // Memory is filled slowly where a processor is emulated.
    manager = await openManager({
      runtimes: ['python'],
      limits: { memoryBytes: 64 * MIB, wallTimeMs: 6000 },
    })
    client.url = await manager.start()
  }, PATIENT.timeout)
  afterAll(() => manager.stop())

  test('the manager is in a leaf, and its sandboxes are beside it', () => {
    const own = ownCgroup('self')
    expect(path.basename(own)).toBe(LEAF_NAME)
    const around = path.join('/sys/fs/cgroup', path.dirname(own))
    expect(read(around, 'cgroup.procs')).toBe('')
    expect(read(around, 'cgroup.subtree_control').split(' ')).toEqual(
      expect.arrayContaining(['memory', 'cpu', 'pids']),
    )
    const executors = tracesOf(process.pid).cgroups
    expect(executors.length).toBeGreaterThanOrEqual(2)
    for (const folder of executors) expect(folder.startsWith(`${around}/`), folder).toBe(true)
    expect(existsSync('/sys/fs/cgroup/executor-manager')).toBe(false)
  })

  test("a run is charged for what it takes, not for its executor's making", PATIENT, async () => {
    const small = await client.run('python', 'def main(): return 1')
    expect(small).toMatchObject({ status: 'success' })
    expect(small.memory_used_kb).toBeLessThan(24 * KIB_PER_MIB)
    // Given back before it ends: only a peak tells of it.
    const large = await client.run('python', 'def main():\n  x = b"x" * (40 << 20)\n  del x')
    expect(large).toMatchObject({ status: 'success' })
    expect(large.memory_used_kb).toBeGreaterThan(39 * KIB_PER_MIB)
    expect(large.memory_used_kb).toBeLessThan(86 * KIB_PER_MIB)
  })

  test.each([
    [
      'a program that takes too much',
      'def main():\n  x = []\n  while True: x.append(b"x" * (1 << 20))',
    ],
    [
      'a child process of it',
      'import subprocess\ndef main():\n  subprocess.run(["python3", "-c", "x = b\'x\' * (500 << 20)"])\n  import time; time.sleep(600)',
    ],
  ])('%s is ended at once, and told apart from time', PATIENT, async (_what, code) => {
    const answer = await client.run('python', code)
    expect(answer).toMatchObject({
      status: 'resource_limit_exceeded',
      resource_limit_type: 'memory',
    })
  })

  test('a time limit stays one', PATIENT, async () => {
    const answer = await client.run('python', 'def main():\n  while True: pass')
    expect(answer).toMatchObject({ status: 'resource_limit_exceeded', resource_limit_type: 'time' })
  })
})

test.skipIf(!isV2)(
  'in a container: a cgroup namespace of its own, and a read-only mount',
  { timeout: scaledMs(120_000) },
  async () => {
    const box = makeBox()
    const inside = [
      'umount -l /sys/fs/cgroup || true',
      'mount -t cgroup2 cgroup2 /sys/fs/cgroup',
      'mount -o remount,bind,ro /sys/fs/cgroup',
      'exec "$@"',
    ].join('; ')
    // Only the container's processes are in its cgroup: the outer unshare waits outside.
    const enter = 'echo 0 >"$1/cgroup.procs"; shift; exec unshare --cgroup --mount "$@"'
    const outer = ['unshare', '--pid', '--fork', '--kill-child=KILL', '--mount-proc']
    const service = await startService(COLD, [
      ...[...outer, 'sh', '-ec', enter, 'sh', box],
      ...['sh', '-ec', inside, 'sh'],
    ])
    expect(await service.client.run('bash', 'echo here')).toMatchObject({ stdout: 'here\n' })
    const tree = path.join(box, 'executor-manager')
    const [owner] = subfolders(tree)
    expect(owner).toMatch(/^1-/)
    expect(subfolders(path.join(tree, owner as string)).length).toBeGreaterThan(0)
    expect(read(box, 'cgroup.procs')).toBe('')
    process.kill(childOf(service.pid), 'SIGTERM')
    expect(await service.ended()).toBe(0)
    expect(subfolders(box)).toEqual([LEAF_NAME])
    expect(existsSync(path.join('/run/executor-manager', owner as string))).toBe(false)
  },
)

test.skipIf(!isV2 || !hasSystemd)(
  'in a unit that is not delegated: systemd gives it a scope that is',
  PATIENT,
  async () => {
    const script = path.join(projectDir(), 'test/support/claim-and-wait.ts')
    const words = ['--collect', '--pipe', '--quiet', '--property=Delegate=no', process.execPath]
    const child = spawn('systemd-run', [...words, script], { stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        output += chunk.toString()
      })
    }
    await until(() => output.includes('claimed') || child.exitCode !== null)
    const pid = Number(/claimed (\d+)-/.exec(output)?.[1])
    expect(pid, output).toBeGreaterThan(0)
    onTestFinished(() => void process.kill(pid, 'SIGKILL'))
    const scope = path.dirname(ownCgroup(String(pid)))
    expect(scope).toMatch(/\/executor-manager-[\w-]+\.scope$/)
    expect(systemctl('show', '--property=Delegate', '--value', path.basename(scope))).toBe('yes\n')
    const [cgroup] = tracesOf(pid).cgroups
    expect(cgroup).toContain(`${scope}/executor-manager/`)
  },
)

test.skipIf(!isV2 || !hasSystemd)(
  'as the systemd service in deploy/: starts, serves, starts again after kill -9, stops',
  { timeout: scaledMs(180_000) },
  async () => {
    const client = new Client()
    const unit = await installUnit(client)
    systemctl('start', unit)
    await untilHealthy(client, unit)
    expect(await client.run('bash', 'echo here')).toMatchObject({ stdout: 'here\n' })
    const killed = managerOf(unit)
    expect(path.basename(ownCgroup(String(killed)))).toBe(LEAF_NAME)
    expect(path.basename(path.dirname(ownCgroup(String(killed))))).toBe(unit)

    process.kill(killed, 'SIGKILL')
    await until(() => managerOf(unit) !== killed && managerOf(unit) > 0)
    await untilHealthy(client, unit)
    expect(await client.run('bash', 'echo again')).toMatchObject({ stdout: 'again\n' })
    expect(tracesOf(killed)).toEqual(NO_TRACES)

    const last = managerOf(unit)
    systemctl('stop', unit)
    expect(systemctl('show', '--property=Result', '--value', unit).trim()).toBe('success')
    expect(tracesOf(last)).toEqual(NO_TRACES)
    expect(existsSync(`/sys/fs/cgroup/system.slice/${unit}`)).toBe(false)
  },
)

/** A cgroup beside this process's own, as a container runtime makes one. */
function makeBox(): string {
  const tree = openCgroupTree()
  if (tree.version === 1) throw new Error('unreachable')
  const box = path.join(path.dirname(tree.folder), `box-${process.pid}`)
  mkdirSync(box)
  onTestFinished(() => {
    writeFileSync(path.join(box, 'cgroup.kill'), '1')
    for (const child of subfolders(box)) rmdirSync(path.join(box, child))
    rmdirSync(box)
  })
  return box
}

/** The unit as it is, but for the place of the project, on a port that is free. */
async function installUnit(client: Client): Promise<string> {
  const name = 'executor-manager.service'
  const port = await freePort()
  client.url = `http://127.0.0.1:${port}`
  const text = readFileSync(path.join(projectDir(), 'deploy', name), 'utf8')
  const settings = {
    ...COLD,
    EXECUTOR_MANAGER_HOME: readConfig(process.env).home,
    EXECUTOR_MANAGER_TIME_SCALE: String(TIME_SCALE),
    EXECUTOR_MANAGER_QUEUE_WAIT: `${scaledMs(10_000)}ms`,
    SANDBOX_EXECUTOR_MANAGER_PORT: String(port),
    SANDBOX_EXECUTOR_MANAGER_POOL_SIZE: '1',
    SANDBOX_TIMEOUT: `${scaledMs(10_000)}ms`,
  }
  const env = Object.entries(settings).map(([key, value]) => `${key}=${value}\n`)
  const file = `/run/systemd/system/${name}`
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync('/etc/executor-manager.env', env.join(''))
  const slow = `[Service]\nTimeoutStopSec=${scaledMs(30_000) / 1000}\n`
  writeFileSync(file, `${text.replaceAll('/opt/executor-manager', projectDir())}\n${slow}`)
  systemctl('daemon-reload')
  onTestFinished(() => void systemctl('stop', name))
  return name
}

function systemctl(...args: string[]): string {
  return execFileSync('systemctl', args, { encoding: 'utf8' })
}

/** Ends with what the unit said when it fails. */
async function untilHealthy(client: Client, unit: string): Promise<void> {
  await until(async () => {
    const state = systemctl('show', '--property=ActiveState,SubState', '--value', unit)
    if (/failed|inactive/.test(state) || saysFailure(unit)) throw new Error(journalOf(unit))
    return fetch(`${client.url}/healthz`).then(
      ({ ok }) => ok,
      () => false,
    )
  })
}

/** A manager that cannot start says so in one line, and systemd starts it again. */
function saysFailure(unit: string): boolean {
  return /executor-manager: |Failed at step/.test(journalOf(unit))
}

function journalOf(unit: string): string {
  const args = ['--unit', unit, `--since=@${BEGUN}`, '--lines=40', '--no-pager', '--output=cat']
  return execFileSync('journalctl', args, { encoding: 'utf8' })
}

/** Pid of the process of a unit that has marked itself as a manager; 0 when there is none. */
function managerOf(unit: string): number {
  const owners = subfolders(`/sys/fs/cgroup/system.slice/${unit}/executor-manager`)
  const pids = owners.map((owner) => Number(owner.split('-')[0]))
  return pids.find((pid) => existsSync(`/proc/${pid}`)) ?? 0
}

/** The service, whose parent is the unshare that waits for it. */
function childOf(pid: number): number {
  const [child] = read(`/proc/${pid}/task/${pid}`, 'children').split(' ')
  return Number(child)
}

function ownCgroup(pid: string): string {
  return readFileSync(`/proc/${pid}/cgroup`, 'utf8').trim().slice('0::'.length)
}

function read(folder: string, file: string): string {
  if (!readdirSync(folder).includes(file)) return ''
  return readFileSync(path.join(folder, file), 'utf8').trim()
}
