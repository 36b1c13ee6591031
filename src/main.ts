import path from 'node:path'
import { pino } from 'pino'
import { readConfig } from './config.ts'
import { ManagerError } from './errors.ts'
import { ExecutorManager } from './manager.ts'
import { ensureInstallation, type InstalledRuntime } from './setup/install.ts'
import { probePlatform } from './setup/platform.ts'
import { consoleProgress } from './setup/progress.ts'

/** The composition root of the service: sets up, starts, and stops on a signal. */
async function main(): Promise<void> {
  const config = readConfig(process.env)
  const log = pino({ level: config.logLevel })
  for (const name of config.ignoredSettings) {
    log.warn(`${name} names a Docker image; images are built here, so it has no effect`)
  }
  const { progress, end } = consoleProgress()
  const runtimesDir = path.join(config.projectDir, 'runtimes')
  const installation = await ensureInstallation(config.home, runtimesDir, progress).finally(end)
  const rootfs = (installation.runtimes[0] as InstalledRuntime).rootfs
  const platform = await probePlatform({ ...installation, rootfs, home: config.home })
  const manager = await ExecutorManager.open(config, log, installation, platform)
  stopOnSignals(manager)
  try {
    const url = await manager.start()
    console.log(`Executor Manager serves on ${url}`)
  } catch (error) {
    await manager.stop()
    throw error
  }
}

/** The first signal begins an orderly stop, the second hurries it. */
function stopOnSignals(manager: ExecutorManager): void {
  let signals = 0
  const onSignal = () => {
    signals++
    if (signals > 1) return manager.hurry()
    void manager.stop().then(() => process.exit(0))
  }
  process.on('SIGTERM', onSignal)
  process.on('SIGINT', onSignal)
}

main().catch((error: unknown) => {
  const known = error instanceof ManagerError
  console.error(known ? `executor-manager: ${error.message}` : error)
  process.exit(1)
})
