import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

/** Runs a command to its end; its output is thrown away. @returns milliseconds */
export function timeCommand(argv: readonly string[]): Promise<number> {
  const [command, ...args] = argv
  const startedMs = performance.now()
  return new Promise((resolve, reject) => {
    const child = spawn(command as string, args, { stdio: 'ignore' })
    child.once('error', reject)
    child.once('exit', (code) => {
      if (code === 0) resolve(performance.now() - startedMs)
      else reject(new Error(`${argv.join(' ')} ended with ${code}`))
    })
  })
}

/** The same interpreter and libraries as in the sandbox, with no isolation but chroot's. */
export const timeInImage = (rootfs: string, argv: readonly string[]) =>
  timeCommand(['/usr/sbin/chroot', rootfs, ...argv])

/**
 * The rate of the simplest thing runsc can do: a cold sandbox that runs /bin/true, over and over.
 * @returns sandboxes a second
 */
export async function coldSandboxRate(
  runscPath: string,
  platform: string,
  rootfs: string,
  parallel: number,
  seconds: number,
): Promise<number> {
  const work = mkdtempSync(path.join(tmpdir(), 'executor-manager-bench-'))
  const spec = {
    ociVersion: '1.0.2',
    process: { user: { uid: 65_534, gid: 65_534 }, args: ['/bin/true'], cwd: '/' },
    root: { path: rootfs, readonly: true },
  }
  writeFileSync(path.join(work, 'config.json'), JSON.stringify(spec))
  const flags = [`--platform=${platform}`, '--network=none', '--ignore-cgroups', '--overlay2=none']
  const endMs = performance.now() + seconds * 1000
  let count = 0
  const loop = async (lane: number) => {
    for (let turn = 0; performance.now() < endMs; turn++) {
      const root = path.join(work, `state-${lane}-${turn}`)
      mkdirSync(root)
      const id = `executor-manager-bench-${process.pid}-${lane}-${turn}`
      await timeCommand([runscPath, `--root=${root}`, ...flags, 'run', `--bundle=${work}`, id])
      rmSync(root, { recursive: true, force: true })
      count++
    }
  }
  const startedMs = performance.now()
  try {
    await Promise.all(Array.from({ length: parallel }, (_, lane) => loop(lane)))
    return (count * 1000) / (performance.now() - startedMs)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}
