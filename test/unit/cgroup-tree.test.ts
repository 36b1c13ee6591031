import { describe, expect, test } from 'vitest'
import {
  parseMountInfo,
  parseOwnCgroups,
  planCgroupTree,
  treeFolders,
} from '../../src/engine/runsc/cgroup-tree.ts'

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

const plan = (mounts: string[], own: string, unified = ALL_V2) =>
  planCgroupTree(parseMountInfo(`${mounts.join('\n')}\n`), parseOwnCgroups(own), unified)

describe('parseMountInfo', () => {
  test('reads root, mount point, type and options, with and without optional fields', () => {
    expect(parseMountInfo(`${V2}\n${PROC}\n`)).toEqual([
      {
        root: '/',
        mountPoint: '/sys/fs/cgroup',
        type: 'cgroup2',
        superOptions: ['rw', 'nsdelegate'],
      },
      { root: '/', mountPoint: '/proc', type: 'proc', superOptions: ['rw'] },
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

describe('planCgroupTree', () => {
  test('v1: below the own cgroup of each hierarchy', () => {
    expect(plan([PROC, ...V1], OWN_V1)).toEqual({
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
    const memory = (path: string) => {
      const tree = plan(mounts, own(path))
      return tree.version === 1 ? tree.folders.memory : null
    }
    expect(memory('/docker/1/x')).toBe('/sys/fs/cgroup/memory/x/executor-manager')
    expect(memory('/docker/1')).toBe('/sys/fs/cgroup/memory/executor-manager')
    expect(memory('/elsewhere')).toBe('/sys/fs/cgroup/memory/executor-manager')
  })

  test('v1 with controllers that share a hierarchy: each folder once', () => {
    const shared = v1Mount(50, '/', '/sys/fs/cgroup/cpu,cpuacct', 'cpu,cpuacct')
    const others = V1.filter((line) => !line.includes('/cpu'))
    const tree = plan([...others, shared], '2:cpu,cpuacct:/\n1:memory,pids,freezer:/\n')
    expect(treeFolders(tree)).toHaveLength(4)
  })

  test('v2: below the root', () => {
    const tree = plan([PROC, V2], '0::/system.slice/x.service\n')
    expect(tree).toEqual({ version: 2, folder: '/sys/fs/cgroup/executor-manager' })
    expect(treeFolders(tree)).toEqual(['/sys/fs/cgroup/executor-manager'])
  })

  test('hybrid: v1 as long as the controllers are there', () => {
    expect(plan([UNIFIED, ...V1], OWN_V1).version).toBe(1)
  })

  test('hybrid with only a name on v1: v2', () => {
    const named = '30 20 0:30 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd'
    const tree = plan([named, UNIFIED], '1:name=systemd:/\n0::/\n')
    expect(tree).toEqual({ version: 2, folder: '/sys/fs/cgroup/unified/executor-manager' })
  })

  test.each([
    ['controllers split between v1 and v2', [UNIFIED, ...V1.slice(0, 3)], OWN_V1, 'pids, freezer'],
    ['no cgroups', [PROC], '', 'memory, cpu, cpuacct, pids, freezer'],
    ['a hierarchy that this process is not in', V1, '1:memory:/\n', 'cpu, cpuacct, pids, freezer'],
  ])('%s: refused, and the missing are named', (_what, mounts, own, missing) => {
    const refused = expect(() => plan(mounts, own, []))
    refused.toThrow(expect.objectContaining({ code: 'SETUP_FAILED' }))
    expect(() => plan(mounts, own, [])).toThrow(`v1 lacks ${missing}, `)
  })

  test('v2 without a controller: refused, and it is named', () => {
    expect(() => plan([V2], '0::/\n', ['cpu', 'pids'])).toThrow('v2 lacks memory')
  })
})
