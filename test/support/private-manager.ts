import { readdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import { afterEach, beforeEach } from 'vitest'
import type { ExecutorManager } from '../../src/manager.ts'
import { Client } from './client.ts'
import { openManager, type Settings } from './manager.ts'
import { makePrivateHome } from './private-home.ts'

/** A manager on a data folder of its own, new for each test, which the test starts and may start again. */
export interface PrivateManager {
  readonly client: Client
  readonly home: string
  start(settings?: Settings): Promise<void>
  stop(): Promise<void>
  /** Names of whole snapshots in its data folder. */
  snapshots(): string[]
  /** A value that it measures; 0 when it has none of this name. */
  metric(name: string): Promise<number>
}

/** @param defaults settings of each start, which the start's own override */
export function usePrivateManager(defaults: Settings = {}): PrivateManager {
  const client = new Client()
  let home = ''
  let manager: ExecutorManager | null = null

  async function stop(): Promise<void> {
    await manager?.stop()
    manager = null
  }

  beforeEach(() => {
    home = makePrivateHome()
  })
  afterEach(async () => {
    await stop()
    rmSync(home, { recursive: true, force: true })
  })

  return {
    client,
    get home() {
      return home
    },
    async start(settings = {}) {
      manager = await openManager({ home, logLevel: 'silent', ...defaults, ...settings })
      client.url = await manager.start()
    },
    stop,
    snapshots: () =>
      readdirSync(path.join(home, 'snapshots')).filter((name) => !name.startsWith('.')),
    async metric(name) {
      const text = await (await fetch(`${client.url}/metrics`)).text()
      const line = new RegExp(`^executor_manager_${name} ([\\d.e+-]+)$`, 'm').exec(text)
      return Number(line?.[1] ?? 0)
    },
  }
}
