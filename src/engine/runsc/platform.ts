/**
 * Finds out how runsc can catch a guest's system calls on this machine, by running a program. The run has a
 * time limit, because a platform that does not work may hang.
 */

import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { release, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { ManagerError } from '../../errors.ts'
import { runCommand } from '../../lib/command.ts'
import { scaledMs } from '../../lib/time-scale.ts'
import type { Sidecars } from './sidecars.ts'

/** How system calls are caught. kvm is not tried: it hangs in nested virtual machines and gains little. */
export type Platform = 'systrap' | 'ptrace'

export type ProbeInput = {
  runscPath: string
  runscVersion: string
  sidecars: Sidecars | null
  /** Any root file system with /bin/true; only read. */
  rootfs: string
  home: string
}

const PREFERENCE: Platform[] = ['systrap', 'ptrace']
const NAMESPACES = ['pid', 'mount', 'ipc', 'uts']
const PROBE_TIMEOUT_MS = scaledMs(10_000)

/**
 * Finds the best platform that works. systrap is remembered until runsc or the kernel changes. ptrace is
 * not, because systrap may have failed for a passing reason such as a busy machine.
 * @param keep whether to write the answer into the data folder
 * @throws ManagerError SETUP_FAILED when no platform works
 */
export async function probePlatform(input: ProbeInput, keep = true): Promise<Platform> {
  const cacheFile = join(input.home, 'platform.json')
  const beside = input.sidecars?.folder ?? ''
  const key = `${input.runscPath} ${input.runscVersion} ${beside} ${release()}`
  const cached = readCached(cacheFile, key)
  if (cached) return cached
  const failures: string[] = []
  for (const platform of PREFERENCE) {
    try {
      await tryPlatform(input, platform)
      if (keep && platform === PREFERENCE[0]) {
        writeCache(cacheFile, JSON.stringify({ key, platform }))
      }
      return platform
    } catch (error) {
      refuseWithoutSidecars(input, error)
      failures.push(`${platform}: ${lastWords(error)}`)
    }
  }
  throw new ManagerError(
    'SETUP_FAILED',
    `runsc ${input.runscVersion} cannot run a sandbox on this machine (${failures.join('; ')}): try another kernel, or a machine or container that grants more rights.`,
  )
}

async function tryPlatform(input: ProbeInput, platform: Platform): Promise<void> {
  const work = mkdtempSync(join(tmpdir(), 'executor-manager-probe-'))
  try {
    writeFileSync(join(work, 'config.json'), JSON.stringify(smallestSpec(input.rootfs, NAMESPACES)))
    // Contained: whatever of a hanging sandbox is left dies with its pid namespace.
    await runCommand(
      [
        ...[input.runscPath, `--root=${join(work, 'state')}`, `--platform=${platform}`],
        ...['--network=none', '--ignore-cgroups', '--host-uds=none', 'run'],
        ...['--bundle', work, `executor-manager-probe-${process.pid}`],
      ],
      {
        purpose: `The probe of the runsc platform ${platform}`,
        remedy: '',
        contained: true,
        timeoutMs: PROBE_TIMEOUT_MS,
      },
    )
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/**
 * Returns the smallest OCI configuration in which /bin/true runs.
 * @param rootfs any root file system with /bin/true; only read
 */
export function smallestSpec(rootfs: string, namespaces: readonly string[]): object {
  return {
    ociVersion: '1.0.2',
    root: { path: rootfs, readonly: true },
    process: {
      user: { uid: 65534, gid: 65534 },
      args: ['/bin/true'],
      env: ['PATH=/usr/bin:/bin'],
      cwd: '/',
      noNewPrivileges: true,
    },
    mounts: [{ destination: '/proc', type: 'proc', source: 'proc' }],
    linux: { namespaces: namespaces.map((type) => ({ type })) },
  }
}

function readCached(file: string, key: string): Platform | undefined {
  try {
    const cached = JSON.parse(readFileSync(file, 'utf8')) as { key?: string; platform?: Platform }
    // One that an older version remembered may be a lesser one.
    const isBest = cached.key === key && cached.platform === PREFERENCE[0]
    return isBest ? cached.platform : undefined
  } catch {
    return undefined
  }
}

/** Throws if runsc lacks its other programs: no platform works then, and the message of runsc names them. */
function refuseWithoutSidecars({ runscPath, runscVersion }: ProbeInput, error: unknown): void {
  const cause = (error as Error).cause as { tail?: string[] } | undefined
  if (!cause?.tail?.some((line) => /sidecar .*not (usable|found)/.test(line))) return
  throw new ManagerError(
    'SETUP_FAILED',
    `runsc ${runscVersion} starts nothing without the other programs of its release: unpack gVisor's release tarball, so that its folder gvisor-bin lies beside ${runscPath}, or name the folder in GVISOR_SIDECAR_BINARIES_DIR.`,
  )
}

function writeCache(file: string, text: string): void {
  try {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(`${file}.${process.pid}`, text)
    renameSync(`${file}.${process.pid}`, file)
  } catch {
    // Only a cache: the data folder of a container is read-only. The next start probes again.
  }
}

function lastWords(error: unknown): string {
  const cause = (error as Error).cause as { tail?: string[] } | undefined
  return cause?.tail?.at(-1) ?? (error as Error).message
}
