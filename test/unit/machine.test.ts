import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, totalmem } from 'node:os'
import path from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { parseMountInfo, parseOwnCgroups } from '../../src/engine/runsc/cgroup-mounts.ts'
import {
  cpuLimitOf,
  freeMemoryOf,
  limitingFolders,
  memoryLimitOf,
  readMachine,
} from '../../src/setup/machine.ts'

const V1 = `30 20 0:30 / /cg/memory rw - cgroup cgroup rw,memory
31 20 0:31 / /cg/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
32 20 0:32 / /cg/pids rw - cgroup cgroup rw,pids`
const V2 = '40 20 0:40 / /cg rw - cgroup2 cgroup2 rw,nsdelegate'

describe('the folders whose limits hold', () => {
  test.each([
    [
      'v1',
      V1,
      '4:memory:/a/b\n3:cpu,cpuacct:/\n2:pids:/a',
      ['/cg/memory/a/b', '/cg/memory/a', '/cg/memory', '/cg/cpu,cpuacct'],
    ],
    [
      'v2',
      V2,
      '0::/system.slice/x.service/leaf',
      ['/cg/system.slice/x.service/leaf', '/cg/system.slice/x.service', '/cg/system.slice', '/cg'],
    ],
    ['a container of its own', V2, '0::/', ['/cg']],
    ['none', '', '', []],
  ])('%s', (_name, mounts, own, folders) => {
    expect(limitingFolders(parseMountInfo(mounts), parseOwnCgroups(own))).toEqual(folders)
  })
})

/** A folder with files like a cgroup's. */
function cgroup(files: Record<string, string>): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'executor-manager-cgroup-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  mkdirSync(folder, { recursive: true })
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, name), text)
  return folder
}

describe('limits of a cgroup', () => {
  test.each([
    [{ 'memory.max': '1073741824\n' }, 1073741824],
    [{ 'memory.max': '1073741824\n', 'memory.high': '536870912\n' }, 536870912],
    [{ 'memory.max': 'max\n', 'memory.high': 'max\n' }, Infinity],
    [{ 'memory.limit_in_bytes': '1048576\n' }, 1048576],
    [{}, Infinity],
  ])('memory %j', (files, bytes) => {
    expect(memoryLimitOf(cgroup(files))).toBe(bytes)
  })

  test.each([
    [{ 'cpu.max': '150000 100000\n' }, 1.5],
    [{ 'cpu.max': 'max 100000\n' }, Infinity],
    [{ 'cpu.cfs_quota_us': '400000\n', 'cpu.cfs_period_us': '100000\n' }, 4],
    [{ 'cpu.cfs_quota_us': '-1\n', 'cpu.cfs_period_us': '100000\n' }, Infinity],
    [{}, Infinity],
  ])('processors %j', (files, cpus) => {
    expect(cpuLimitOf(cgroup(files))).toBe(cpus)
  })

  test.each([
    [
      {
        'memory.max': '1000',
        'memory.current': '700',
        'memory.stat': 'anon 1\ninactive_file 50\n',
      },
    ],
    [
      {
        'memory.limit_in_bytes': '1000',
        'memory.usage_in_bytes': '700',
        'memory.stat': 'inactive_file 7\ntotal_inactive_file 50\n',
      },
    ],
  ])('free memory counts pages that can be taken back: %j', (files) => {
    expect(freeMemoryOf(cgroup(files))).toBe(350)
  })
})

test('this machine has processors and memory, and no more than the host', () => {
  const machine = readMachine()
  expect(machine.cores).toBeGreaterThanOrEqual(1)
  expect(machine.memoryBytes).toBeGreaterThan(0)
  expect(machine.memoryBytes).toBeLessThanOrEqual(totalmem())
  expect(machine.freeMemoryBytes()).toBeLessThanOrEqual(machine.memoryBytes)
})
