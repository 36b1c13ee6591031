import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { ensureSupervisors } from '../../src/setup/supervisor.ts'
import { Channels } from '../../src/supervisor/channels.ts'

/** The supervisor of sessions as a program of this host: what it runs, packs and unpacks is ours. */
export class HostSupervisor {
  /** Holds the program, and what a test puts there. */
  readonly folder: string
  readonly #program: string

  private constructor(folder: string, program: string) {
    this.folder = folder
    this.#program = program
  }

  /** Compiles it into a new folder. */
  static async build(): Promise<HostSupervisor> {
    const folder = mkdtempSync(path.join(tmpdir(), 'host-supervisor-'))
    const runtimes = path.join(import.meta.dirname, '../../runtimes')
    const programs = await ensureSupervisors(folder, runtimes, () => {})
    const program = programs.find((file) => path.basename(file) === 'session') as string
    return new HostSupervisor(folder, program)
  }

  /** Starts it. It ends when its stdin does, which end() waits for. */
  start(): { child: ChildProcess; channels: Channels; end: () => Promise<void> } {
    const child = spawn(this.#program, [this.folder], { stdio: ['pipe', 'pipe', 'inherit'] })
    const channels = new Channels(child.stdin as Writable, child.stdout as Readable)
    const end = async () => {
      child.stdin?.end()
      await channels.ended
    }
    return { child, channels, end }
  }

  remove(): void {
    rmSync(this.folder, { recursive: true })
  }
}
