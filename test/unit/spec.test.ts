import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { GUEST_UID, HOSTNAME, sandboxSpec } from '../../src/engine/runsc/spec.ts'

const shape = {
  hasNetwork: false,
  rootfs: '/images/x',
  rootImage: null,
  args: ['/.executor/supervisor', '/bin/bash', 'a b'],
  env: { MPLBACKEND: 'Agg', HOME: '/elsewhere' },
  workspaceBytes: 12_345,
  processes: 64,
  openFiles: 1024,
}

interface Syscalls {
  names: string[]
  action: string
  args?: { index: number; value: number; valueTwo: number; op: string }[]
}
interface Spec {
  process: {
    user: object
    args: string[]
    env: string[]
    cwd: string
    capabilities: Record<string, string[]>
    noNewPrivileges: boolean
    rlimits: { type: string; hard: number; soft: number }[]
  }
  root: { path: string; readonly: boolean }
  hostname: string
  mounts: { destination: string; type: string; source: string; options: string[] }[]
  linux: {
    namespaces: { type: string; path?: string }[]
    seccomp: { defaultAction: string; architectures: string[]; syscalls: Syscalls[] }
  }
}
const spec = sandboxSpec(shape) as Spec
const mount = (destination: string) => spec.mounts.find((m) => m.destination === destination)

describe('sandboxSpec', () => {
  test('the same shape gives the same spec', () => {
    expect(sandboxSpec(shape)).toEqual(sandboxSpec(structuredClone(shape)))
  })

  test('runs the given program as nobody, without any capability', () => {
    expect(spec.process.args).toEqual(shape.args)
    expect(spec.process.user).toEqual({ uid: GUEST_UID, gid: GUEST_UID })
    expect(GUEST_UID).not.toBe(0)
    expect(Object.keys(spec.process.capabilities).sort()).toEqual([
      'ambient',
      'bounding',
      'effective',
      'inheritable',
      'permitted',
    ])
    expect(Object.values(spec.process.capabilities).flat()).toEqual([])
    expect(spec.process.noNewPrivileges).toBe(true)
  })

  test('has a read-only root and a host name of its own', () => {
    expect(spec.root).toEqual({ path: '/images/x', readonly: true })
    expect(spec.hostname).toBe(HOSTNAME)
  })

  test('names the image as one file where there is one', () => {
    expect(spec).not.toHaveProperty('annotations')
    const file = '/images/root-1.erofs'
    expect(sandboxSpec({ ...shape, rootImage: file })).toMatchObject({
      root: { path: '/images/x', readonly: true },
      annotations: {
        'dev.gvisor.spec.rootfs.source': file,
        'dev.gvisor.spec.rootfs.type': 'erofs',
      },
    })
  })

  test('gives an environment made here, a runtime may override it', () => {
    expect([...spec.process.env].sort()).toEqual([
      'HOME=/elsewhere',
      'LANG=C.UTF-8',
      'MPLBACKEND=Agg',
      'PATH=/usr/local/bin:/usr/bin:/bin',
    ])
  })

  test.each(['/workspace', '/tmp', '/var/tmp', '/dev/shm'])(
    '%s is scratch memory of a fixed size',
    (folder) => {
      expect(mount(folder)).toMatchObject({ type: 'tmpfs' })
      expect(mount(folder)?.options).toEqual(
        expect.arrayContaining(['nosuid', 'nodev', expect.stringMatching(/^size=\d+$/)]),
      )
    },
  )

  test('the working directory belongs to the program and is as large as it may be', () => {
    expect(spec.process.cwd).toBe('/workspace')
    expect(mount('/workspace')?.options).toEqual(
      expect.arrayContaining(['size=12345', `uid=${GUEST_UID}`, 'mode=0755']),
    )
  })

  test('nothing of the host is mounted but the image', () => {
    expect(spec.mounts.filter(({ type }) => !['tmpfs', 'proc'].includes(type))).toEqual([])
  })

  test('limits of processes and files, and no core dumps', () => {
    expect(spec.process.rlimits).toEqual(
      expect.arrayContaining([
        { type: 'RLIMIT_NPROC', hard: 64, soft: 64 },
        { type: 'RLIMIT_NOFILE', hard: 1024, soft: 1024 },
        { type: 'RLIMIT_CORE', hard: 0, soft: 0 },
      ]),
    )
  })

  test('namespaces of its own, joined to none', () => {
    const types = spec.linux.namespaces.map(({ type }) => type)
    expect(types).toEqual(expect.arrayContaining(['pid', 'network', 'ipc', 'uts', 'mount']))
    expect(spec.linux.namespaces.filter(({ path }) => path)).toEqual([])
    const networked = sandboxSpec({ ...shape, hasNetwork: true }) as Spec
    expect(networked.linux.namespaces.filter(({ path }) => path)).toEqual([
      { type: 'network', path: '/proc/self/ns/net' },
    ])
  })

  test('system calls that give rights back are refused', () => {
    const rule = (name: string) => spec.linux.seccomp.syscalls.find((s) => s.names.includes(name))
    const newMountCalls =
      'open_tree open_tree_attr move_mount mount_setattr fsopen fsconfig fsmount fspick'
    for (const name of [
      'unshare',
      'setns',
      'mount',
      'ptrace',
      'add_key',
      ...newMountCalls.split(' '),
    ]) {
      expect(rule(name)).toMatchObject({ action: 'SCMP_ACT_ERRNO' })
      expect(rule(name)?.args).toBeUndefined()
    }
    expect(rule('clone3')?.action).not.toBe('SCMP_ACT_ALLOW')
    // CLONE_NEWUSER and CLONE_NEWNS.
    for (const flag of [0x1000_0000, 0x2_0000]) {
      expect(spec.linux.seccomp.syscalls).toContainEqual({
        names: ['clone'],
        action: 'SCMP_ACT_ERRNO',
        errnoRet: 1,
        args: [{ index: 0, value: flag, valueTwo: flag, op: 'SCMP_CMP_MASKED_EQ' }],
      })
    }
  })
})

/**
 * arm64 has the system calls of the kernel's common table and no others, so a rule by a name that is only on
 * x86 would guard nothing there. Source: asm-generic/unistd.h, of which open_tree_attr is newer than Debian 12's.
 */
const HEADER = '/usr/include/asm-generic/unistd.h'

test.skipIf(!existsSync(HEADER))(
  'each system call that is refused is one of the common table, so of arm64 too',
  () => {
    const header = readFileSync(HEADER, 'utf8')
    const common = new Set([...header.matchAll(/__NR(?:3264)?_(\w+)/g)].map(([, name]) => name))
    const { linux } = sandboxSpec(shape) as Spec
    const names = linux.seccomp.syscalls.flatMap((rule) => rule.names)
    expect(names.length).toBeGreaterThan(20)
    expect(names.filter((name) => !common.has(name) && name !== 'open_tree_attr')).toEqual([])
    expect(linux.seccomp.architectures).toContain('SCMP_ARCH_AARCH64')
  },
)
