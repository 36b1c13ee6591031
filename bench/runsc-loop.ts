import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { removeWithMounts } from '../src/engine/runsc/leftover-mounts.ts'
import { smallestSpec } from '../src/engine/runsc/platform.ts'
import { type Bench, installedRuntime } from './context.ts'

const NAMESPACES = ['pid', 'network', 'ipc', 'uts', 'mount']

export interface LoopFigure {
  readonly parallel: number
  readonly seconds: number
  readonly sandboxes: number
  readonly perSecond: number
}

const PATIENCE_MS = 30_000

/**
 * What runsc alone can do here: cold `runsc run /bin/true`, one after the other in each of `parallel`
 * loops, with nothing around it but the removal of its state.
 */
export async function measureRunscLoop(
  bench: Bench,
  parallel: number,
  seconds: number,
): Promise<LoopFigure> {
  const folder = mkdtempSync(path.join(tmpdir(), 'executor-manager-bench-'))
  try {
    const bundle = path.join(folder, 'bundle')
    mkdirSync(bundle)
    const spec = smallestSpec(installedRuntime(bench, 'bash').rootfs, NAMESPACES)
    writeFileSync(path.join(bundle, 'config.json'), JSON.stringify(spec))
    const started = performance.now()
    const endsMs = started + seconds * 1000
    let sandboxes = 0
    const loop = async (index: number) => {
      for (let count = 0; performance.now() < endsMs; count++) {
        bench.interrupt.throwIfAborted()
        await runTrue(bench, bundle, path.join(folder, `state-${index}-${count}`))
        if (performance.now() <= endsMs) sandboxes++
      }
    }
    const loops = await Promise.allSettled(Array.from({ length: parallel }, (_, i) => loop(i)))
    for (const ended of loops) if (ended.status === 'rejected') throw ended.reason
    return { parallel, seconds, sandboxes, perSecond: sandboxes / seconds }
  } finally {
    await removeWithMounts(folder)
  }
}

async function runTrue(bench: Bench, bundle: string, state: string): Promise<void> {
  const { runscPath, capabilities } = bench.installation
  const id = `bench-${path.basename(state)}`
  const child = spawn(
    runscPath,
    [
      ...[`--root=${state}`, `--platform=${bench.platform}`, '--network=none', '--ignore-cgroups'],
      ...(capabilities.sharedRoot ? [`--shared-root=${path.dirname(bundle)}`] : []),
      ...['run', `--bundle=${bundle}`, id],
    ],
    { stdio: 'ignore', cwd: '/', env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' } },
  )
  const timer = setTimeout(() => killHolders(state), PATIENCE_MS)
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null]
  clearTimeout(timer)
  await rm(state, { recursive: true, force: true })
  if (code !== 0) throw new Error(`runsc run /bin/true ended with ${code ?? signal}`)
}

/** Kills a hanging sandbox: each of its processes names its state folder, which is ours alone. */
function killHolders(state: string): void {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
      if (words.includes(`--root=${state}`)) process.kill(Number(pid), 'SIGKILL')
    } catch {
      // Gone between the two calls.
    }
  }
}
