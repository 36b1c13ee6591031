import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { Commands } from '../../src/sessions/commands.ts'
import type { Sessions } from '../../src/sessions/types.ts'
import { ensureSupervisors } from '../../src/setup/supervisor.ts'
import { Channels } from '../../src/supervisor/channels.ts'

/**
 * The front door's sessions over one supervisor that is a process of this host: its ports are the host's own, so that a
 * test can be its servers. For what a sandbox has no part in.
 * @param id of the session, which belongs to every caller
 */
export async function hostSession(id: string) {
  const folder = mkdtempSync(path.join(tmpdir(), 'host-session-'))
  const runtimes = path.join(import.meta.dirname, '../../runtimes')
  const programs = await ensureSupervisors(folder, runtimes, () => {})
  const program = programs.find((file) => path.basename(file) === 'session') as string
  const child = spawn(program, [folder], { stdio: ['pipe', 'pipe', 'inherit'] })
  const channels = new Channels(child.stdin as Writable, child.stdout as Readable)
  const counts = { used: 0, released: 0 }
  const commands = new Commands('anybody', null)
  const release = () => {
    counts.released++
  }
  const known: Partial<Sessions> = {
    get: (_caller, asked) => (asked === id ? ({ id } as never) : null),
    ownerOf: (asked) => (asked === id ? '127.0.0.1' : null),
    commands: (_caller, asked) => (asked === id ? commands : null),
    use: async (_caller, asked) => {
      if (asked !== id) return null
      counts.used++
      return { channels, commands, env: {}, release } as never
    },
  }
  const close = async () => {
    child.stdin?.end()
    await channels.ended
    rmSync(folder, { recursive: true })
  }
  return { sessions: known as Sessions, channels, counts, close }
}
