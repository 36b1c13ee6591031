import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Bench } from './context.ts'
import { SandboxCounters } from './sandbox-counters.ts'
import type { Service } from './service.ts'
import { figure, type Report } from './table.ts'

/** Processor time, in percent of one core. */
export interface CpuUse {
  readonly managerPercent: number
  readonly sandboxesPercent: number
}

/** While nobody asks. */
export interface IdleFigures extends CpuUse {
  readonly seconds: number
  readonly executors: number
}

/** Where the fields of /proc/pid/stat go on after the process's name, and utime (14th) in them. */
const UTIME_INDEX = 14 - 3

/** Watches a full pool. Nothing is asked of the service meanwhile. */
export async function measureIdle(bench: Bench, service: Service): Promise<IdleFigures> {
  const client = service.client()
  await service.untilSettled(client).finally(() => client.close())
  bench.say('an idle pool')
  const { idleSeconds } = bench.options
  // What the last request left to do is over by then.
  await sleep(1000, undefined, { signal: bench.interrupt })
  const use = await cpuUse(service.pid, idleSeconds, bench.interrupt)
  const executors = [...new SandboxCounters(service.pid).memory().values()].flat().length
  return { ...use, seconds: idleSeconds, executors }
}

/** Measures the processor time that a manager and its sandboxes take while nothing is asked of them. */
export async function cpuUse(
  pid: number,
  seconds: number,
  interrupt: AbortSignal,
): Promise<CpuUse> {
  const counters = new SandboxCounters(pid)
  const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))
  const read = () => ({
    atMs: performance.now(),
    managerMs: (cpuTicks(pid) / ticksPerSecond) * 1000,
    sandboxesMs: counters.cpuTimeUs() / 1000,
  })
  const before = read()
  await sleep(seconds * 1000, undefined, { signal: interrupt })
  const after = read()
  const percent = (cpuMs: number) => (cpuMs / (after.atMs - before.atMs)) * 100
  return {
    managerPercent: percent(after.managerMs - before.managerMs),
    sandboxesPercent: percent(after.sandboxesMs - before.sandboxesMs),
  }
}

/** utime and stime of a process and its threads, in clock ticks (proc_pid_stat(5)). */
function cpuTicks(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return Number(fields[UTIME_INDEX]) + Number(fields[UTIME_INDEX + 1])
}

export function idlePercent({ managerPercent, sandboxesPercent }: IdleFigures): number {
  return managerPercent + sandboxesPercent
}

export function idleReport(figures: IdleFigures): Report {
  return {
    title: `Idle: a full pool of ${figures.executors} executors, ${figures.seconds} s`,
    columns: ['who', '% of one core'],
    rows: [
      ['manager', figure(figures.managerPercent)],
      ['all sandboxes', figure(figures.sandboxesPercent)],
      ['together', figure(idlePercent(figures))],
    ],
  }
}
