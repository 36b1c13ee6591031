import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { PassThrough } from 'node:stream'
import type { KeptSandbox, KeptSandboxes } from '../../src/sessions/engine.ts'
import { Channels } from '../../src/supervisor/channels.ts'

/** Sandboxes of sessions that run nothing: for what sessions do with places and the disk. */
export class FakeSandboxes implements KeptSandboxes {
  readonly key: string
  readonly kernels = { byName: new Map(), limits: {} as never }
  /** What one holds and may hold, and what its checkpoint takes on disk. */
  memoryBytes = 4096

  get limits() {
    return { memoryBytes: this.memoryBytes, cpus: 1, processes: 64, workspaceBytes: 1024 ** 3 }
  }

  readonly offline = this
  readonly living = new Set<KeptSandbox>()
  made = 0

  constructor(key = 'fake') {
    this.key = key
  }

  async create(): Promise<KeptSandbox> {
    return this.#make(new Channels(new PassThrough(), new PassThrough()))
  }

  async restore(_folder: string, channels: Channels): Promise<KeptSandbox> {
    channels.reattach(new PassThrough(), new PassThrough())
    return this.#make(channels)
  }

  #make(channels: Channels): KeptSandbox {
    const { memoryBytes, living } = this
    let end = () => {}
    const ended = new Promise<void>((resolve) => {
      end = resolve
    })
    const sandbox: KeptSandbox = {
      id: `fake-${++this.made}`,
      ended,
      channels,
      baseBytes: 0,
      use: () => ({ memoryBytes, cpuTimeMs: 0 }),
      setLimits: () => {},
      freeze: async () => true,
      thaw: () => {},
      isKilled: () => false,
      checkpoint: async (folder) =>
        writeFileSync(path.join(folder, 'pages.img'), randomBytes(memoryBytes)),
      look: () => {},
      dispose: async () => {
        living.delete(sandbox)
        end()
      },
    }
    living.add(sandbox)
    return sandbox
  }
}
