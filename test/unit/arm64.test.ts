import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { projectDir } from '../../src/config.ts'
import { sandboxSpec } from '../../src/engine/runsc/spec.ts'

/** What can be told of 64-bit ARM without such a machine. */

/** Source: Linux, include/uapi/asm-generic/unistd.h, which is aarch64's table. */
const AARCH64: Readonly<Record<string, number>> = {
  umount2: 39,
  mount: 40,
  pivot_root: 41,
  chroot: 51,
  unshare: 97,
  ptrace: 117,
  add_key: 217,
  request_key: 218,
  keyctl: 219,
  clone: 220,
  perf_event_open: 241,
  setns: 268,
  process_vm_readv: 270,
  process_vm_writev: 271,
  bpf: 280,
  userfaultfd: 282,
  io_uring_setup: 425,
  open_tree: 428,
  move_mount: 429,
  fsopen: 430,
  fsconfig: 431,
  fsmount: 432,
  fspick: 433,
  clone3: 435,
  mount_setattr: 442,
  open_tree_attr: 467,
}

test('the filter of system calls is for aarch64, too, and each call that it names is there', () => {
  const { seccomp } = (
    sandboxSpec({
      hasNetwork: false,
      rootfs: '/images/x',
      rootImage: null,
      args: ['/bin/true'],
      env: {},
      workspaceBytes: 1,
      processes: 1,
      openFiles: 1,
    }) as { linux: { seccomp: { architectures: string[]; syscalls: { names: string[] }[] } } }
  ).linux
  expect(seccomp.architectures).toContain('SCMP_ARCH_AARCH64')
  const names = new Set(seccomp.syscalls.flatMap((rule) => rule.names))
  expect([...names].sort()).toEqual(Object.keys(AARCH64).sort())
  // Older headers lack the newest calls.
  const table = genericTable()
  for (const [name, number] of Object.entries(AARCH64)) {
    if (table.has(name)) expect(table.get(name), name).toBe(number)
  }
})

test.each(['runtimes/nodejs', 'scripts/node'])('%s locks a Node.js for it', (folder) => {
  const { packages } = JSON.parse(
    readFileSync(path.join(projectDir(), folder, 'package-lock.json'), 'utf8'),
  )
  const [arm, x64] = ['arm64', 'x64'].map((cpu) => packages[`node_modules/node-linux-${cpu}`])
  expect(arm.version).toBe(x64.version)
  expect(arm).toMatchObject({ cpu: expect.anything(), optional: true })
})

test('nothing of a runtime is of another processor: no assembler, no path of one', () => {
  const runtimes = path.join(projectDir(), 'runtimes')
  const files = readdirSync(runtimes, { recursive: true, encoding: 'utf8' }).filter((name) =>
    /(\.[ch]|runtime\.json)$/.test(name),
  )
  expect(files.length).toBeGreaterThan(3)
  for (const file of files) {
    const text = readFileSync(path.join(runtimes, file), 'utf8')
    expect(text, file).not.toMatch(/x86|amd64|\basm\b|__asm|immintrin/i)
  }
})

/** The table as this machine's headers have it, whatever its own processor; empty without headers. */
function genericTable(): Map<string, number> {
  const file = '/usr/include/asm-generic/unistd.h'
  const text = existsSync(file) ? readFileSync(file, 'utf8') : ''
  const lines = text.matchAll(/^#define __NR_(\w+) (\d+)$/gm)
  return new Map([...lines].map(([, name, number]) => [name as string, Number(number)]))
}
