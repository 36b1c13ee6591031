import { describe, expect, test } from 'vitest'
import { parseMountInfo, parseOwnCgroups } from '../../src/engine/runsc/cgroup-mounts.ts'
import { planCgroups, treeFolders } from '../../src/engine/runsc/cgroup-tree.ts'
import type { UnifiedFacts } from '../../src/engine/runsc/cgroup-unified.ts'

const v1Mount = (id: number, root: string, point: string, controllers: string) =>
  `${id} 20 0:${id} ${root} ${point} rw,nosuid shared:${id} - cgroup cgroup rw,${controllers}`
const V2 = '40 20 0:40 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate'
const UNIFIED = '41 20 0:41 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw'
const PROC = '22 20 0:22 / /proc rw,nosuid - proc proc rw'

const V1 = ['memory', 'cpu', 'cpuacct', 'pids', 'freezer'].map((name, index) =>
  v1Mount(30 + index, '/', `/sys/fs/cgroup/${name}`, name),
)
const OWN_V1 = '5:memory:/svc\n4:cpu:/\n3:cpuacct:/svc/a\n2:pids:/\n1:freezer:/x:y\n0::/init\n'

const ALL_V2 = ['cpuset', 'cpu', 'io', 'memory', 'pids']

/** A service of systemd with its own cgroup. */
const FACTS: UnifiedFacts = {
  isMachineRoot: (folder) => folder === '/sys/fs/cgroup',
  controllers: () => ALL_V2,
  pathOfPid1: '/init.scope',
  isDelegated: (unit) => unit === 'x.service',
  hasSystemd: true,
}

const plan = (mounts: string[], own: string, facts: Partial<UnifiedFacts> = {}) =>
  planCgroups(parseMountInfo(`${mounts.join('\n')}\n`), parseOwnCgroups(own), {
    ...FACTS,
    ...facts,
  })

const treeOf = (mounts: string[], own: string) => {
  const found = plan(mounts, own)
  if (found.version === 2) throw new Error('version 2')
  return found.tree
}

const USE = (folder: string) => ({ version: 2, step: 'use', folder })

describe('parseMountInfo', () => {
  test('reads root, mount point, type and options, with and without optional fields', () => {
    expect(parseMountInfo(`${V2}\n${PROC}\n`)).toEqual([
      {
        root: '/',
        mountPoint: '/sys/fs/cgroup',
        type: 'cgroup2',
        isReadOnly: false,
        superOptions: ['rw', 'nsdelegate'],
      },
      { root: '/', mountPoint: '/proc', type: 'proc', isReadOnly: false, superOptions: ['rw'] },
    ])
  })
})

describe('parseOwnCgroups', () => {
  test('knows each controller by its name; a path may hold a colon', () => {
    const own = parseOwnCgroups('2:cpu,cpuacct:/a\n1:name=systemd:/b:c\n0::/d\n')
    expect(Object.fromEntries(own)).toEqual({
      cpu: '/a',
      cpuacct: '/a',
      'name=systemd': '/b:c',
      '': '/d',
    })
  })
})

describe('planCgroups', () => {
  test('v1: below the own cgroup of each hierarchy', () => {
    expect(treeOf([PROC, ...V1], OWN_V1)).toEqual({
      version: 1,
      folders: {
        memory: '/sys/fs/cgroup/memory/svc/executor-manager',
        cpu: '/sys/fs/cgroup/cpu/executor-manager',
        cpuacct: '/sys/fs/cgroup/cpuacct/svc/a/executor-manager',
        pids: '/sys/fs/cgroup/pids/executor-manager',
        freezer: '/sys/fs/cgroup/freezer/x:y/executor-manager',
      },
    })
  })

  test('v1 in a container, where the mount shows a part of the hierarchy', () => {
    const mounts = V1.map((line) => line.replace(' / /sys', ' /docker/1 /sys'))
    const own = (path: string) => `1:memory,cpu,cpuacct,pids,freezer:${path}\n`
    const memory = (path: string) => treeOf(mounts, own(path)).folders.memory
    expect(memory('/docker/1/x')).toBe('/sys/fs/cgroup/memory/x/executor-manager')
    expect(memory('/docker/1')).toBe('/sys/fs/cgroup/memory/executor-manager')
    expect(memory('/elsewhere')).toBe('/sys/fs/cgroup/memory/executor-manager')
  })

  test('v1 with controllers that share a hierarchy: each folder once', () => {
    const shared = v1Mount(50, '/', '/sys/fs/cgroup/cpu,cpuacct', 'cpu,cpuacct')
    const others = V1.filter((line) => !line.includes('/cpu'))
    const tree = treeOf([...others, shared], '2:cpu,cpuacct:/\n1:memory,pids,freezer:/\n')
    expect(treeFolders(tree)).toHaveLength(4)
  })

  test('hybrid: v1 as long as the controllers are there', () => {
    expect(plan([UNIFIED, ...V1], OWN_V1).version).toBe(1)
  })

  test('hybrid with only a name on v1: v2', () => {
    const named = '30 20 0:30 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd'
    const found = plan([named, UNIFIED], '1:name=systemd:/\n0::/\n')
    expect(found).toEqual(USE('/sys/fs/cgroup/unified'))
  })

  test.each([
    ['no cgroups', [PROC], '', 'memory, cpu, cpuacct, pids, freezer'],
    ['a hierarchy that this process is not in', V1, '1:memory:/\n', 'cpu, cpuacct, pids, freezer'],
  ])('%s: refused, and the missing are named', (_what, mounts, own, missing) => {
    const refused = expect(() => plan(mounts, own))
    refused.toThrow(expect.objectContaining({ code: 'SETUP_FAILED' }))
    expect(() => plan(mounts, own)).toThrow(`v1 lacks ${missing}, and v2 is not mounted`)
  })

  test('controllers split between v1 and v2: refused', () => {
    const facts = { controllers: () => ['cpu'] }
    expect(() => plan([UNIFIED, ...V1.slice(0, 3)], '0::/\n', facts)).toThrow('lacks memory, pids')
  })
})

describe('planCgroups on v2', () => {
  test("a delegated unit: the unit's cgroup", () => {
    const found = plan([PROC, V2], '0::/system.slice/x.service\n')
    expect(found).toEqual(USE('/sys/fs/cgroup/system.slice/x.service'))
  })

  test('the leaf that a manager has moved to is part of the cgroup around it', () => {
    const found = plan([V2], '0::/system.slice/x.service/executor-manager-main\n')
    expect(found).toEqual(USE('/sys/fs/cgroup/system.slice/x.service'))
  })

  test('a cgroup inside a delegated unit that has the controllers keeps its limits', () => {
    const found = plan([V2], '0::/system.slice/x.service/small\n')
    expect(found).toEqual(USE('/sys/fs/cgroup/system.slice/x.service/small'))
  })

  test("one without them, such as systemd's DelegateSubgroup: the unit's", () => {
    const controllers = (folder: string) => (folder.endsWith('/sub') ? [] : ALL_V2)
    const found = plan([V2], '0::/system.slice/x.service/sub\n', { controllers })
    expect(found).toEqual(USE('/sys/fs/cgroup/system.slice/x.service'))
  })

  test("a unit that is not delegated, such as a user's session: systemd is asked for a scope", () => {
    const own = '0::/user.slice/user-0.slice/session-3.scope\n'
    expect(plan([V2], own)).toEqual({ version: 2, step: 'scope' })
    expect(plan([V2], '0::/system.slice/y.service\n')).toEqual({ version: 2, step: 'scope' })
  })

  test('neither delegated nor systemd: refused with the remedy', () => {
    const refused = expect(() => plan([V2], '0::/a/b\n', { hasSystemd: false }))
    refused.toThrow(expect.objectContaining({ code: 'SETUP_FAILED' }))
    expect(() => plan([V2], '0::/a/b\n', { hasSystemd: false })).toThrow('Delegate=yes')
  })

  test("the machine's root, where no systemd has moved processes out of it", () => {
    expect(plan([V2], '0::/\n', { hasSystemd: false })).toEqual(USE('/sys/fs/cgroup'))
  })

  describe('in a container', () => {
    const inside = { isMachineRoot: () => false, hasSystemd: false }

    test("the root of its cgroup namespace; again from the manager's leaf", () => {
      const facts = { ...inside, pathOfPid1: '/' }
      expect(plan([V2], '0::/\n', facts)).toEqual(USE('/sys/fs/cgroup'))
      const moved = { ...inside, pathOfPid1: '/executor-manager-main' }
      expect(plan([V2], '0::/executor-manager-main\n', moved)).toEqual(USE('/sys/fs/cgroup'))
    })

    test('without a cgroup namespace: the cgroup of its first process', () => {
      const own = '/system.slice/docker-1.scope'
      const facts = { ...inside, pathOfPid1: own }
      expect(plan([V2], `0::${own}\n`, facts)).toEqual(USE(`/sys/fs/cgroup${own}`))
      const shown = V2.replace(' / /sys', ` ${own} /sys`)
      expect(plan([shown], `0::${own}\n`, facts)).toEqual(USE('/sys/fs/cgroup'))
    })

    test("a mount that is read-only, or shows the host's hierarchy: one of its own", () => {
      const facts = { ...inside, pathOfPid1: '/' }
      const readOnly = V2.replace('rw,nosuid', 'ro,nosuid')
      const hosts = V2.replace(' / /sys', ' /../.. /sys')
      for (const mount of [readOnly, hosts]) {
        expect(plan([mount], '0::/\n', facts)).toEqual({ version: 2, step: 'mount' })
      }
      const own = '50 20 0:40 / /run/executor-manager/cgroup rw - cgroup2 cgroup2 rw'
      expect(plan([readOnly, own], '0::/\n', facts)).toEqual(USE('/run/executor-manager/cgroup'))
    })

    test('without a controller: refused, and it is named', () => {
      const facts = { ...inside, pathOfPid1: '/', controllers: () => ['cpu', 'pids'] }
      expect(() => plan([V2], '0::/\n', facts)).toThrow('lacks memory')
    })
  })
})
