import { Commands } from '../../src/sessions/commands.ts'
import type { Sessions } from '../../src/sessions/types.ts'
import { HostSupervisor } from './host-supervisor.ts'

/**
 * The front door's sessions over one supervisor that is a process of this host: its ports are the host's own, so that a
 * test can be its servers. For what a sandbox has no part in.
 * @param id of the session, which belongs to every caller
 */
export async function hostSession(id: string) {
  const supervisor = await HostSupervisor.build()
  const { channels, end } = supervisor.start()
  const ended = new AbortController().signal
  const counts = { used: 0, released: 0 }
  const commands = new Commands('anybody', null)
  const release = () => {
    counts.released++
  }
  const known: Partial<Sessions> = {
    ofDoor: () => [],
    get: (_caller, asked) => (asked === id ? ({ id } as never) : null),
    ownerOf: (asked) => (asked === id ? '127.0.0.1' : null),
    commands: (_caller, asked) => (asked === id ? commands : null),
    use: async (_caller, asked) => {
      if (asked !== id) return null
      counts.used++
      return { channels, commands, env: {}, ended, release } as never
    },
  }
  const close = async () => {
    await end()
    supervisor.remove()
  }
  return { sessions: known as Sessions, channels, counts, close }
}
