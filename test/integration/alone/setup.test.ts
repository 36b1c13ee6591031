import { spawnSync } from 'node:child_process'
import { existsSync, lstatSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { examine } from '../../../src/doctor/doctor.ts'
import type { Installation } from '../../../src/engine/runsc/installation.ts'
import { probePlatform } from '../../../src/engine/runsc/platform.ts'
import { readImageFacts } from '../../../src/images/build.ts'
import { NAME_SERVER } from '../../../src/network/address-block.ts'
import { loadRuntimes } from '../../../src/runtimes/definition.ts'
import { defaultHome } from '../../../src/setup/home.ts'
import { ensureInstallation } from '../../../src/setup/install.ts'

const project = join(import.meta.dirname, '../../..')
const runtimesDir = join(project, 'runtimes')
const home = defaultHome(project, process.env)
const names = loadRuntimes(runtimesDir).map((runtime) => runtime.name)

let installation: Installation

beforeAll(async () => {
  installation = await ensureInstallation(home, runtimesDir, () => {})
})

function installed(name: string) {
  const found = installation.runtimes.find((entry) => entry.runtime.name === name)
  if (!found) throw new Error(`${name} is not installed`)
  return found
}

describe('a finished set-up', () => {
  test('is found again, with no step to take', async () => {
    const steps: string[] = []
    const found = await ensureInstallation(home, runtimesDir, (step) => steps.push(step))
    expect(found).toEqual(installation)
    expect(steps).toEqual([])
  })

  test('leaves no traces of building', () => {
    const left = readdirSync(join(home, 'images')).filter((name) => name.startsWith('.'))
    expect(left).toEqual([])
  })

  test('satisfies the doctor', async () => {
    const findings = await examine({ home, runtimesDir, host: '127.0.0.1', port: 0 })
    expect(findings.filter(({ state }) => state === 'lacking' || state === 'todo')).toEqual([])
  })

  test('is not changed by the doctor, nor is a data folder made', async () => {
    const state = () =>
      readdirSync(home).map((name) => `${name} ${statSync(join(home, name)).mtimeMs}`)
    const before = state()
    await examine({ home, runtimesDir, host: '127.0.0.1', port: 0 })
    expect(state()).toEqual(before)
    const nowhere = join(tmpdir(), `executor-manager-nowhere-${process.pid}`)
    const findings = await examine({ home: nowhere, runtimesDir, host: '127.0.0.1', port: 0 })
    expect(findings.map(({ state }) => state)).toContain('todo')
    expect(existsSync(nowhere)).toBe(false)
  })

  test('runs on a platform that was proven by running a program', async () => {
    const { rootfs } = installed('bash')
    const platform = await probePlatform({ ...installation, rootfs, home })
    expect(['systrap', 'ptrace']).toContain(platform)
  })
})

describe.each(names)('the image of %s', (name) => {
  test('is no larger than its recipe allows', () => {
    const { runtime, rootfs, imageHash } = installed(name)
    const { sizeBytes } = readImageFacts({ rootfs, imageHash })
    expect(sizeBytes).toBeLessThan(runtime.image.maxBytes ?? Number.POSITIVE_INFINITY)
  })

  test('grants no rights: no setuid, setgid or device file, nothing writable but scratch', () => {
    const { rootfs } = installed(name)
    const scratch = ['/tmp', '/var/tmp', '/dev/shm']
    const suspicious = filesOf(rootfs).filter((path) => {
      const stats = lstatSync(join(rootfs, path))
      if (stats.isSymbolicLink()) return false
      const isWritable = (stats.mode & 0o002) !== 0 && !scratch.includes(path)
      const isPlain = stats.isFile() || stats.isDirectory()
      return (stats.mode & 0o6000) !== 0 || isWritable || !isPlain || stats.uid !== 0
    })
    expect(suspicious).toEqual([])
  })

  test('names no host', () => {
    const { rootfs } = installed(name)
    expect(existsSync(join(rootfs, 'etc/hostname'))).toBe(false)
    expect(readFileSync(join(rootfs, 'etc/resolv.conf'), 'utf8')).toBe(
      `nameserver ${NAME_SERVER}\n`,
    )
    expect(readFileSync(join(rootfs, 'etc/machine-id'), 'utf8')).toBe('')
    expect(readFileSync(join(rootfs, 'etc/passwd'), 'utf8').trim().split('\n')).toHaveLength(2)
  })

  test('brings no package manager, perl or compiler', () => {
    const { rootfs } = installed(name)
    const tools = ['apt-get', 'dpkg', 'perl', 'gcc', 'su', 'mount']
    expect(tools.filter((tool) => existsSync(join(rootfs, 'usr/bin', tool)))).toEqual([])
  })

  test('holds its guest, which nobody but root can change', () => {
    const { runtime, rootfs, guestPath } = installed(name)
    const folder = join(rootfs, guestPath)
    const files = ['supervisor', ...runtime.runnerFiles]
    for (const path of [folder, ...files.map((file) => join(folder, file))]) {
      const stats = statSync(path)
      expect(stats.uid).toBe(0)
      expect(stats.mode & 0o022).toBe(0)
      expect(stats.mode & 0o004).toBe(0o004)
    }
  })

  test('starts its interpreter', () => {
    const { runtime, rootfs } = installed(name)
    const [interpreter = ''] = runtime.runner
    const { status } = spawnSync('chroot', [rootfs, interpreter, '--version'])
    expect(status).toBe(0)
  })
})

function filesOf(rootfs: string, folder = '/'): string[] {
  return readdirSync(join(rootfs, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    return entry.isDirectory() ? [path, ...filesOf(rootfs, path)] : [path]
  })
}
