import { availableParallelism, cpus, release, totalmem } from 'node:os'
import type { Bench } from './context.ts'

/** Where the figures come from. */
export interface Machine {
  readonly cores: number
  readonly cpuModel: string
  readonly memoryBytes: number
  readonly kernel: string
  readonly runscVersion: string
  readonly platform: string
  readonly nodeVersion: string
  readonly poolSize: number
}

export function describeMachine({ installation, platform, config }: Bench): Machine {
  return {
    cores: availableParallelism(),
    cpuModel: cpus()[0]?.model.trim() ?? '',
    memoryBytes: totalmem(),
    kernel: release(),
    runscVersion: installation.runscVersion,
    platform,
    nodeVersion: process.versions.node,
    poolSize: config.poolSize,
  }
}

export function machineLine(machine: Machine): string {
  return [
    `${machine.cores} cores${machine.cpuModel ? ` (${machine.cpuModel})` : ''}`,
    `${(machine.memoryBytes / 1024 ** 3).toFixed(1)} GiB of memory`,
    `Linux ${machine.kernel}`,
    `runsc ${machine.runscVersion} (${machine.platform})`,
    `Node.js ${machine.nodeVersion}`,
    `${machine.poolSize} executors ready for each runtime`,
  ].join(', ')
}
