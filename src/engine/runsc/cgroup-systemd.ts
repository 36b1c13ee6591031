/** What systemd is asked about cgroups: whether a unit is delegated, and for a scope that is. */
import { randomUUID } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { ManagerError } from '../../errors.ts'
import { execSync, SYSTEM_ENV } from '../../lib/exec.ts'
import { scaledMs } from '../../lib/time-scale.ts'

const TIMEOUT_MS = scaledMs(10_000)
const BETWEEN_LOOKS_MS = 10

/** Tells whether systemd manages this machine (sd_booted(3)). */
export function hasSystemd(): boolean {
  return existsSync('/run/systemd/system')
}

/** Tells whether the cgroups below a systemd unit are its own to manage (Delegate=yes). */
export function isDelegated(unit: string): boolean {
  if (!hasSystemd()) return false
  return ask(['systemctl', 'show', '--property=Delegate', '--value', '--', unit]) === 'yes'
}

/**
 * Asks systemd to move this process, and no other, into a new scope with Delegate=yes. The scope ends with
 * its last process. Source: org.freedesktop.systemd1(5), StartTransientUnit.
 * @throws ManagerError SETUP_FAILED with the remedy
 */
export function moveIntoScope(): void {
  const name = `executor-manager-${randomUUID()}.scope`
  const object = ['org.freedesktop.systemd1', '/org/freedesktop/systemd1']
  const method = ['org.freedesktop.systemd1.Manager', 'StartTransientUnit', 'ssa(sv)a(sa(sv))']
  const properties = [
    ...['3', 'PIDs', 'au', '1', String(process.pid)],
    ...['Delegate', 'b', 'true'],
    ...['Description', 's', 'Executor Manager'],
  ]
  const words = [
    'busctl',
    'call',
    '--quiet',
    ...object,
    ...method,
    name,
    'fail',
    ...properties,
    '0',
  ]
  if (ask(words) === null || !isMovedInto(name)) {
    throw new ManagerError(
      'SETUP_FAILED',
      'systemd gives this process no cgroup of its own: start it as a service with Delegate=yes (deploy/executor-manager.service).',
    )
  }
}

/** Waits until this process is in the unit: systemd answers before it has moved anybody. */
function isMovedInto(unit: string): boolean {
  const pause = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
  const endsMs = performance.now() + TIMEOUT_MS
  while (performance.now() < endsMs) {
    if (readFileSync('/proc/self/cgroup', 'utf8').includes(`/${unit}`)) return true
    Atomics.wait(pause, 0, 0, BETWEEN_LOOKS_MS)
  }
  return false
}

/** Runs a program. Returns what it printed; null when it failed. */
function ask(command: readonly string[]): string | null {
  const { failure, stdout } = execSync(command, { env: SYSTEM_ENV, timeoutMs: TIMEOUT_MS })
  return failure === null ? stdout.trim() : null
}
