import { existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { moveProcesses } from '../../src/engine/runsc/cgroup-moves.ts'
import { PeakMemory } from '../../src/engine/runsc/cgroup-peak.ts'
import { CgroupV2 } from '../../src/engine/runsc/cgroup-v2.ts'
import { watchFile } from '../../src/engine/runsc/cgroup-watch.ts'

/** Folders that look like cgroups; what the kernel does with them is tested on a machine with cgroup v2. */
let folder: string

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'executor-manager-cgroup-v2-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
})

const put = (file: string, text: string | number) =>
  writeFileSync(path.join(folder, file), String(text))
const text = (file: string) => readFileSync(path.join(folder, file), 'utf8')

function cgroup(): CgroupV2 {
  return new CgroupV2(path.dirname(folder), path.basename(folder))
}

test('limits are written, and the kernel is told to take all processes at once', () => {
  for (const file of ['memory.max', 'memory.swap.max', 'memory.oom.group', 'pids.max'])
    put(file, '')
  cgroup().create({ memoryBytes: 1 << 20, tasks: 64 })
  expect(text('memory.max')).toBe('1048576')
  expect(text('memory.swap.max')).toBe('0')
  expect(text('memory.oom.group')).toBe('1')
  expect(text('pids.max')).toBe('64')
})

test('a kill goes through cgroup.kill, whoever is there', () => {
  put('cgroup.kill', '')
  put('cgroup.events', 'populated 1\nfrozen 0\n')
  // Not read: 0 is a process of another pid namespace.
  put('cgroup.procs', '0\n')
  expect(cgroup().kill()).toBe(1)
  expect(text('cgroup.kill')).toBe('1')
  put('cgroup.events', 'populated 0\nfrozen 0\n')
  expect(cgroup().kill()).toBe(0)
})

test('a kill of a cgroup that is gone finds nobody', () => {
  rmSync(folder, { recursive: true })
  expect(cgroup().kill()).toBe(0)
})

test('its own limit was reached, or one around it', () => {
  put('memory.events', 'low 0\nhigh 0\nmax 9\noom 2\noom_kill 3\n')
  put('memory.events.local', 'low 0\nhigh 0\nmax 0\noom 0\noom_kill 3\n')
  expect(cgroup().outOfMemoryKills()).toBe(3)
  expect(cgroup().ownLimitReached()).toBe(false)
  put('memory.events.local', 'low 0\nhigh 0\nmax 9\noom 2\noom_kill 3\n')
  expect(cgroup().ownLimitReached()).toBe(true)
})

test('the peak is read on the descriptor that was reset', () => {
  put('memory.peak', '9000'.padEnd(16))
  const peak = new PeakMemory(folder, () => 1)
  onTestFinished(() => peak.close())
  expect(peak.bytes()).toBe(9000)
  peak.reset()
  expect(text('memory.peak')).toMatch(/^reset/)
  const opened = path.join(folder, 'memory.peak')
  // Another file in its place: only the descriptor still leads to the one that was reset.
  writeFileSync(opened, '5000')
  rmSync(opened)
  writeFileSync(opened, '7000')
  expect(peak.bytes()).toBe(5000)
  peak.close()
  peak.close()
})

test('without a reset: the peak where it rose since, else what is in use', () => {
  put('memory.peak', 9000)
  let inUse = 4000
  const peak = new PeakMemory(folder, () => inUse, openWithoutReset)
  peak.reset()
  expect(text('memory.peak')).toBe('9000')
  inUse = 5000
  expect(peak.bytes()).toBe(5000)
  put('memory.peak', 12_000)
  expect(peak.bytes()).toBe(12_000)
})

/** As the kernel opens a file that has no write operation. */
const openWithoutReset: typeof openSync = (file, flags) => {
  if (flags === 'r+') throw Object.assign(new Error('invalid'), { code: 'EINVAL' })
  return openSync(file, flags)
}

test('a cgroup that is gone, and a kernel without memory.peak, read as 0', () => {
  const peak = new PeakMemory(folder, () => 4000)
  peak.reset()
  expect(peak.bytes()).toBe(0)
})

test('a file that changes is told of at once, until the watch ends', async () => {
  put('memory.events', 'oom_kill 0\n')
  const changed = vi.fn()
  const end = watchFile(path.join(folder, 'memory.events'), changed)
  put('memory.events', 'oom_kill 1\n')
  await vi.waitFor(() => expect(changed).toHaveBeenCalled(), { timeout: 10_000 })
  end?.()
  end?.()
})

test('where no watch can be had, it says so', () => {
  expect(watchFile(path.join(folder, 'not-there'), () => {})).toBeNull()
})

test('processes move into the leaf, and again while the kernel says EBUSY', () => {
  put('cgroup.procs', '17\n')
  const leaf = path.join(folder, 'leaf')
  let calls = 0
  moveProcesses(folder, leaf, () => {
    if (++calls < 3) throw Object.assign(new Error('busy'), { code: 'EBUSY' })
  })
  expect(calls).toBe(3)
  expect(readFileSync(path.join(leaf, 'cgroup.procs'), 'utf8')).toBe('17')
})

test('another error is not tried again', () => {
  put('cgroup.procs', '')
  const refuse = () => {
    throw Object.assign(new Error('no'), { code: 'EACCES' })
  }
  expect(() => moveProcesses(folder, path.join(folder, 'leaf'), refuse)).toThrow('no')
})

test('processes of another pid namespace cannot be moved, and this one is not in their stead', () => {
  put('cgroup.procs', '0\n')
  const leaf = path.join(folder, 'leaf')
  expect(() => moveProcesses(folder, leaf, () => {})).toThrow('another pid namespace')
  expect(existsSync(path.join(leaf, 'cgroup.procs'))).toBe(false)
})
