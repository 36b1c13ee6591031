import { assembleManager } from './assemble.ts'
import { readConfig } from './config.ts'
import { ManagerError } from './errors.ts'
import { openLog } from './log.ts'
import type { ExecutorManager } from './manager.ts'

/** The composition root of the service: sets up, starts, and stops on a signal. */
async function main(): Promise<void> {
  const config = readConfig(process.env, process.argv.slice(2))
  const { logger: log, line } = openLog(config.logLevel)
  for (const name of config.ignoredSettings) {
    log.warn(`${name} names a Docker image; images are built here, so it has no effect`)
  }
  const manager = await assembleManager(config, log)
  stopOnSignals(manager)
  try {
    const url = await manager.start()
    line(`Executor Manager serves on ${url}`)
  } catch (error) {
    await manager.stop()
    // A signal came while it started: its handler ends the process.
    if (error instanceof ManagerError && error.code === 'SHUTTING_DOWN') return
    throw error
  }
}

/**
 * Signals that come this close together are one request: Ctrl-C in a terminal reaches npm and this process,
 * and npm sends its signal on.
 */
const SAME_REQUEST_MS = 1000

/** Stops the manager at the first signal: it waits up to 10 s for running programs. A later one ends them. */
function stopOnSignals(manager: ExecutorManager): void {
  let firstAtMs: number | null = null
  const onSignal = () => {
    if (firstAtMs === null) {
      firstAtMs = performance.now()
      void manager.stop().then(() => process.exit(0))
    } else if (performance.now() - firstAtMs > SAME_REQUEST_MS) {
      manager.hurry()
    }
  }
  process.on('SIGTERM', onSignal)
  process.on('SIGINT', onSignal)
}

main().catch((error: unknown) => {
  const known = error instanceof ManagerError
  console.error(known ? `executor-manager: ${error.message}` : error)
  process.exit(1)
})
