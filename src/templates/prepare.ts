/** Runs a runtime's `prepare` for a template in a sandbox, for it loads libraries that nobody has checked. */
import { chmodSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { RunscEngine } from '../engine/runsc/engine.ts'
import { ManagerError } from '../errors.ts'
import { type Preparation, preparedModules } from '../images/guest.ts'
import { scaledMs } from '../lib/time-scale.ts'
import { MIB } from '../lib/units.ts'
import { LayerReader, plainText } from './layer-stream.ts'

const SHOWN = '/run/guest'
const GUEST = '/workspace/guest'
const BOUNDS = { bytes: 512 * MIB, files: 100 }
const TIMEOUT_MS = scaledMs(120_000)

/** Runs a command on a copy of the guest's folder, and hands over the files that are new in it. */
const SCRIPT = `
exec 3>&1 >&2
tell() {
  local n=\${#1}
  printf "\\\\x$(printf %02x $((n & 255)))\\\\x$(printf %02x $((n >> 8 & 255)))\\\\0\\\\0%s" "$1" >&3
}
cp -r ${SHOWN} ${GUEST}
"$@"
cd ${GUEST}
for file in *; do
  [ -e "${SHOWN}/$file" ] && continue
  tell "{\\"kind\\":\\"file\\",\\"path\\":\\"$file\\",\\"size\\":$(stat -c %s "$file"),\\"executable\\":false}"
  cat "$file" >&3
done
tell '{"kind":"done","libraries":{},"replaces":[]}'
`

/**
 * Makes the preparation for one template.
 * @throws ManagerError BUILD_FAILED that says what could not be loaded
 */
export function prepareInSandbox(engine: RunscEngine): Preparation {
  return async (runtime, rootfs, folder) => {
    if (!runtime.prepare) return
    const target = join(rootfs, folder)
    // The sandbox's user reads it.
    chmodSync(target, 0o755)
    const argv = runtime.prepare.map((part) => part.replaceAll('{guest}', GUEST))
    const reader = new LayerReader(target, BOUNDS, () => {})
    const job = {
      name: basename(runtime.name),
      rootfs,
      args: ['/bin/bash', '-euc', SCRIPT, 'prepare', ...argv, ...preparedModules(runtime)],
      env: { ...runtime.env, LC_ALL: 'C.UTF-8' },
      shown: [{ from: target, to: SHOWN }],
      opensSockets: false,
      workspaceBytes: BOUNDS.bytes,
      memoryBytes: 2048 * MIB,
      timeoutMs: TIMEOUT_MS,
    }
    const { errors, limit } = await engine
      .runJob(job, (chunk) => reader.take(chunk))
      .finally(() => reader.close())
    if (reader.end?.kind === 'done') return
    rmSync(target, { recursive: true, force: true })
    const why = limit
      ? `it passed the limit of ${limit}`
      : plainText(errors.split('\n').at(-1) ?? '', 600)
    throw new ManagerError('BUILD_FAILED', `preload: its modules cannot be loaded: ${why}`)
  }
}
