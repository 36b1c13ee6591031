import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import type { Readable, Writable } from 'node:stream'
import type { Cgroup } from './cgroup.ts'
import { KILL_AGAIN_MS } from './cgroup-files.ts'
import { removeWithMounts } from './leftover-mounts.ts'

/**
 * Shell script: joins the cgroup folders before `--`, then becomes the command after it. The score has the
 * kernel kill a sandbox before the manager when the machine runs out of memory
 * (proc_pid_oom_score_adj(5)).
 */
const JOIN_AND_EXEC = [
  'echo 1000 > /proc/self/oom_score_adj',
  'until [ "$1" = -- ]; do echo 0 > "$1" || exit 97; shift; done',
  'shift; exec "$@" <&3 3<&-',
].join('; ')
/**
 * The sandbox's standard input. Not descriptor 0 of the child process: Node.js closes its end of that
 * when the process exits, and runsc exits as soon as the sandbox runs.
 */
const INPUT = 3
const STDERR_KEPT_BYTES = 4096

/**
 * The processes of one sandbox: runsc, its sentry and its gofer, all in one cgroup. Their standard input
 * and output are those of the supervisor. The maker has to call dispose().
 */
export class Sandbox {
  readonly cgroup: Cgroup
  /** Resolves when the sandbox's output has ended, however it ended. */
  readonly ended: Promise<void>
  readonly #child: ChildProcess
  readonly #stateFolder: string
  #errors = ''

  /**
   * Starts the processes; returns before they run.
   * @param command runsc and its arguments
   * @param stateFolder made here, removed with the sandbox
   * @throws Error when no process can be made, for want of descriptors or memory
   */
  constructor(command: readonly string[], stateFolder: string, cgroup: Cgroup) {
    this.cgroup = cgroup
    this.#stateFolder = stateFolder
    mkdirSync(stateFolder, { recursive: true, mode: 0o700 })
    this.#child = spawn(
      '/bin/sh',
      ['-c', JOIN_AND_EXEC, 'sh', ...cgroup.joinFiles, '--', ...command],
      {
        stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
        cwd: '/',
        env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
        // A session of its own, so that an interrupt typed at the manager leaves it to the manager.
        detached: true,
      },
    )
    if (!this.#child.stdio?.[INPUT]) {
      // Node.js gives no streams when the process could not be made.
      this.#child.on('error', () => {})
      rmSync(stateFolder, { recursive: true, force: true })
      throw new Error('no process could be made')
    }
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      this.#errors = (this.#errors + chunk.toString('utf8')).slice(-STDERR_KEPT_BYTES)
    })
    this.ended = new Promise((resolve) => {
      this.output.once('close', () => resolve())
      this.#child.once('error', (error) => {
        this.#errors += error.message
        resolve()
      })
    })
  }

  get input(): Writable {
    return this.#child.stdio[INPUT] as Writable
  }

  get output(): Readable {
    return this.#child.stdout as Readable
  }

  /**
   * The last 4 KiB that runsc and the supervisor wrote to standard error. Log it only of a sandbox that
   * never ran user code: user code can write there too.
   */
  get errors(): string {
    return this.#errors.trim()
  }

  /** Kills every process, and tries again later where that fails. The output ends soon after. */
  kill(): void {
    try {
      this.cgroup.kill()
    } catch {
      // No descriptor was free. The caller does not try again (a run's deadline comes once), so this does.
      setTimeout(() => this.kill(), KILL_AGAIN_MS)
    }
  }

  /**
   * Kills the processes, and removes the cgroup and the files. May be called again after a failure.
   * @throws Error when a process, the cgroup or a file is left
   */
  async dispose(): Promise<void> {
    this.kill()
    for (const stream of this.#child.stdio) stream?.destroy()
    await this.cgroup.remove()
    await this.ended
    if (!(await removeWithMounts(this.#stateFolder))) {
      throw new Error(`${this.#stateFolder} cannot be removed`)
    }
  }
}
