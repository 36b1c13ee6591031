import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Executor } from '../src/pool/executor.ts'
import { type Bench, installedRuntime } from './context.ts'
import { makerOf, openEngine, variantOf } from './engine.ts'
import { SandboxCounters, type SandboxMemory } from './sandbox-counters.ts'
import type { Service } from './service.ts'
import { mean } from './statistics.ts'
import { figure, type Report } from './table.ts'

/** Of idle executors of one kind, on average. */
export interface DensityFigure extends SandboxMemory {
  readonly kind: string
  readonly executors: number
  readonly perGigabyte: number
}

export const STANDARD_MODULES_ONLY = 'python, standard modules only'
const GIGABYTE = 1e9
const MEGABYTE = 1e6

/** What programs import most, without a library that is not part of Python. */
const STANDARD_MODULES = [
  ...['argparse', 'ast', 'asyncio', 'base64', 'bisect', 'collections', 'contextlib', 'copy', 'csv'],
  ...['dataclasses', 'datetime', 'decimal', 'enum', 'fractions', 'functools', 'hashlib', 'heapq'],
  ...['html', 'io', 'itertools', 'json', 'logging', 'math', 'operator', 'os', 'pathlib', 'pickle'],
  ...['random', 're', 'shutil', 'statistics', 'string', 'struct', 'subprocess', 'sys', 'tempfile'],
  ...['textwrap', 'threading', 'time', 'traceback', 'typing', 'unicodedata', 'urllib.parse'],
  ...['urllib.request', 'uuid', 'zlib'],
]

/** The memory of executors that wait: the service's, and Python's without its libraries. */
export async function measureDensity(bench: Bench, service: Service): Promise<DensityFigure[]> {
  const client = service.client()
  await service.untilFull(client).finally(() => client.close())
  bench.say('memory of idle executors')
  const shipped = [...new SandboxCounters(service.pid).memory()]
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([runtime, memories]) => figureOf(runtime, memories))
  return [...shipped, figureOf(STANDARD_MODULES_ONLY, await measureWithoutLibraries(bench))]
}

/** Restored from a snapshot of their own, which is gone afterwards. */
async function measureWithoutLibraries(bench: Bench): Promise<SandboxMemory[]> {
  const snapshotHome = mkdtempSync(path.join(tmpdir(), 'executor-manager-bench-'))
  const executors: Executor[] = []
  try {
    const engine = await openEngine(bench, snapshotHome)
    try {
      const variant = variantOf(installedRuntime(bench, 'python'), 'python-bare', STANDARD_MODULES)
      const maker = makerOf(engine, variant, bench.config)
      await maker.prepare()
      while (executors.length < bench.options.densityExecutors) {
        bench.interrupt.throwIfAborted()
        executors.push(await maker.create())
      }
      return [...new SandboxCounters(process.pid).memory().values()].flat()
    } finally {
      await Promise.all(executors.map((executor) => executor.dispose()))
      await engine.close()
    }
  } finally {
    rmSync(snapshotHome, { recursive: true, force: true })
  }
}

function figureOf(kind: string, memories: readonly SandboxMemory[]): DensityFigure {
  const average = (key: keyof SandboxMemory) => mean(memories.map((memory) => memory[key]))
  const totalBytes = average('totalBytes')
  return {
    kind,
    executors: memories.length,
    perGigabyte: Math.floor(GIGABYTE / totalBytes),
    totalBytes,
    guestBytes: average('guestBytes'),
    gvisorBytes: average('gvisorBytes'),
    fileBytes: average('fileBytes'),
  }
}

export function densityReport(figures: readonly DensityFigure[]): Report {
  return {
    title: 'Density: memory of one idle executor, by its cgroup',
    columns: [
      ...['executor', 'MB', 'program MB', 'gVisor MB', 'files MB', 'kernel MB', 'per GB'],
      'looked at',
    ],
    rows: figures.map((kind) => {
      const { totalBytes, guestBytes, gvisorBytes, fileBytes } = kind
      const kernelBytes = totalBytes - guestBytes - gvisorBytes - fileBytes
      const parts = [totalBytes, guestBytes, gvisorBytes, fileBytes, kernelBytes]
      return [
        kind.kind,
        ...parts.map((bytes) => figure(bytes / MEGABYTE)),
        String(kind.perGigabyte),
        String(kind.executors),
      ]
    }),
    notes: [
      'program: what the sandboxed processes hold; gVisor: its own processes on the host; ' +
        'files: page cache charged to it; GB: 10^9 bytes.',
    ],
  }
}
