import { pino } from 'pino'
import { assembleManager } from './assemble.ts'
import { readConfig } from './config.ts'
import { ManagerError } from './errors.ts'

/** `npm run snapshot`: makes the snapshots of all runtimes anew. */
async function main(): Promise<void> {
  const config = readConfig(process.env)
  const manager = await assembleManager(config, pino({ level: config.logLevel }))
  try {
    await manager.prepareSnapshots(true)
  } finally {
    await manager.stop()
  }
}

main().catch((error: unknown) => {
  console.error(error instanceof ManagerError ? `executor-manager: ${error.message}` : error)
  process.exit(1)
})
