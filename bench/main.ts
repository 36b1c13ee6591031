import { setMaxListeners } from 'node:events'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { readConfig } from '../src/config.ts'
import type { InstalledRuntime } from '../src/engine/runsc/installation.ts'
import { probePlatform } from '../src/engine/runsc/platform.ts'
import { ManagerError } from '../src/errors.ts'
import { consoleProgress } from '../src/lib/progress.ts'
import { ensureInstallation } from '../src/setup/install.ts'
import { bareReport } from './bare.ts'
import { barsOf, barsReport } from './bars.ts'
import { burstReport, measureBurst } from './burst.ts'
import { callersReport, measureCallers } from './callers.ts'
import { coldReport, measureCold } from './cold.ts'
import type { Bench } from './context.ts'
import { densityReport, measureDensity } from './density.ts'
import { doorsReport, measureDoors } from './doors.ts'
import { e2bReport, measureE2b } from './e2b.ts'
import type { Figures } from './figures.ts'
import { idleReport, measureIdle } from './idle.ts'
import { importsReport, measureImports } from './imports.ts'
import { loadReport, measureLoad } from './load.ts'
import { describeMachine, machineLine } from './machine.ts'
import { measureNative, nativeReport } from './native.ts'
import { type Options, readOptions, TOPICS, type Topic, USAGE } from './options.ts'
import { ratioReport } from './ratios.ts'
import { Service } from './service.ts'
import { measureSessionIo, sessionIoReport } from './session-io.ts'
import { measureSessionSleep, sessionSleepReport } from './session-sleep.ts'
import { measureSessions, sessionsReport } from './sessions.ts'
import { measureStart, startReport } from './start.ts'
import { markdown, type Report } from './table.ts'
import { measureWarm, warmReport } from './warm.ts'

/** The topics that need a service that was started before. */
const SERVING = TOPICS.filter((topic) => topic !== 'cold')

/** Measures the service beside bare processes, in one run, and prints what it finds as Markdown. */
async function main(): Promise<void> {
  const options = optionsOrUsage()
  if (!options) return
  const bench = await prepare(options)
  const machine = describeMachine(bench)
  console.log(machineLine(machine))
  const figures: Figures = {}
  await measureServing(bench, figures)
  await measureAlone(bench, figures)
  if (figures.warm) print(ratioReport(figures.warm, figures.bare, figures.cold))
  const bars = barsOf(figures)
  print(barsReport(bars))
  if (options.jsonFile) {
    writeFileSync(options.jsonFile, `${JSON.stringify({ machine, figures, bars }, null, 2)}\n`)
  }
}

function optionsOrUsage(): Options | null {
  try {
    const options = readOptions(process.argv.slice(2))
    if (!options) console.log(USAGE)
    return options
  } catch (error) {
    console.error(`bench: ${(error as Error).message}\n\n${USAGE}`)
    process.exitCode = 2
    return null
  }
}

async function prepare(options: Options): Promise<Bench> {
  const config = readConfig(process.env)
  const { progress, end } = consoleProgress()
  const runtimesDir = path.join(config.projectDir, 'runtimes')
  const installation = await ensureInstallation(config.home, runtimesDir, progress).finally(end)
  const { rootfs } = installation.runtimes[0] as InstalledRuntime
  const platform = await probePlatform({ ...installation, rootfs, home: config.home })
  const say = (text: string) => console.error(`measuring ${text}`)
  return { options, config, installation, platform, interrupt: interruptOnSignals(), say }
}

/** The first signal is enough: everything is given up and cleaned up as soon as may be. */
function interruptOnSignals(): AbortSignal {
  const controller = new AbortController()
  // Each request in flight listens.
  setMaxListeners(0, controller.signal)
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => controller.abort())
  }
  return controller.signal
}

/** What needs the service; it also makes the snapshots that a second start finds. */
async function measureServing(bench: Bench, figures: Figures): Promise<void> {
  const { topics } = bench.options
  const wants = (topic: Topic) => topics.has(topic)
  if (!SERVING.some(wants)) return
  const service = await Service.start(bench)
  try {
    if (wants('warm')) {
      const { warm, bare } = await measureWarm(bench, service)
      Object.assign(figures, { warm, bare })
      print(warmReport(warm))
      print(bareReport(bare))
    }
    if (wants('imports')) {
      figures.imports = await measureImports(bench, service)
      print(importsReport(figures.imports))
    }
    if (wants('native')) {
      figures.native = await measureNative(bench, service)
      print(nativeReport(figures.native))
    }
    if (wants('burst')) {
      figures.burst = await measureBurst(bench, service)
      print(burstReport(figures.burst))
    }
    if (wants('load')) {
      figures.load = await measureLoad(bench, service)
      print(loadReport(figures.load))
    }
    if (wants('callers')) {
      figures.callers = await measureCallers(bench, service)
      print(callersReport(figures.callers))
    }
    if (wants('doors')) {
      figures.doors = await measureDoors(bench, service)
      print(doorsReport(figures.doors))
    }
    if (wants('sessions')) {
      figures.sessions = await measureSessions(bench, service)
      print(sessionsReport(figures.sessions))
    }
    if (wants('e2b')) {
      const e2b = await measureE2b(bench, service)
      if (e2b) {
        figures.e2b = e2b
        print(e2bReport(e2b))
      }
    }
    if (wants('session-io')) {
      figures.sessionIo = await measureSessionIo(bench, service)
      print(sessionIoReport(figures.sessionIo))
    }
    if (wants('session-sleep')) {
      figures.sessionSleep = await measureSessionSleep(bench, service)
      print(sessionSleepReport(figures.sessionSleep))
    }
    if (wants('idle')) {
      figures.idle = await measureIdle(bench, service)
      print(idleReport(figures.idle))
    }
    if (wants('density')) {
      figures.density = await measureDensity(bench, service)
      print(densityReport(figures.density))
    }
  } finally {
    await service.stop()
  }
}

/** What wants the machine for itself. */
async function measureAlone(bench: Bench, figures: Figures): Promise<void> {
  const { topics } = bench.options
  if (topics.has('cold')) {
    figures.cold = await measureCold(bench)
    print(coldReport(figures.cold))
  }
  if (topics.has('start')) {
    figures.start = await measureStart(bench)
    print(startReport(figures.start))
  }
}

function print(report: Report): void {
  console.log(`\n${markdown(report)}`)
}

main().catch((error: unknown) => {
  if ((error as Error).name === 'AbortError') {
    console.error('bench: interrupted; nothing is left behind')
    process.exit(130)
  }
  console.error(error instanceof ManagerError ? `bench: ${error.message}` : error)
  process.exit(1)
})
