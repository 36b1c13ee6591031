import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Bench, installedRuntime } from './context.ts'
import { PROGRAMS, type ProgramId, programOf } from './programs.ts'
import { type Summary, summarize } from './statistics.ts'
import { percentileCells, type Report } from './table.ts'

/** Time from a process's spawn until its exit, in ms. */
export interface BareFigures {
  /** The same programs, each in a bare process in its runtime's image. */
  readonly inImage: Readonly<Partial<Record<ProgramId, Summary>>>
  /** The host's own Python, if it has one: not a version manager's shim. */
  readonly hostPython: Summary | null
}

const HOST_PYTHON = '/usr/bin/python3'
/** nobody and nogroup, who can write nothing in an image but its /tmp. */
const NOBODY = '--userspec=65534:65534'
const ENVIRONMENT = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LANG: 'C.UTF-8', MPLBACKEND: 'Agg' }

/** Bare processes without any isolation, one at a time. */
export async function measureBare(bench: Bench): Promise<BareFigures> {
  const { samples, slowSamples } = bench.options
  const inImage: Partial<Record<ProgramId, Summary>> = {}
  for (const { id, title, runtime, bare, slow } of PROGRAMS) {
    bench.say(`bare processes: ${title}`)
    const argv = ['/usr/sbin/chroot', NOBODY, installedRuntime(bench, runtime).rootfs, ...bare]
    inImage[id] = await timeMany(bench, argv, slow ? slowSamples : samples)
  }
  const host = [HOST_PYTHON, '-I', '-c', 'pass']
  const hostPython = existsSync(HOST_PYTHON) ? await timeMany(bench, host, samples) : null
  return { inImage, hostPython }
}

/** What a run of the program is compared with: the host's own interpreter where there is one. */
export function bareOf({ inImage, hostPython }: BareFigures, id: ProgramId): Summary | undefined {
  return id === 'python' && hostPython ? hostPython : inImage[id]
}

async function timeMany(
  { options, interrupt }: Bench,
  argv: readonly string[],
  samples: number,
): Promise<Summary> {
  const timesMs: number[] = []
  // The first fills the page cache; it does not count.
  for (let count = 0; count <= samples; count++) {
    // As before a warm run, so that both find the processor's caches alike.
    await sleep(options.pauseMs, undefined, { signal: interrupt })
    const timeMs = await timeOne(argv)
    if (count > 0) timesMs.push(timeMs)
  }
  return summarize(timesMs)
}

async function timeOne(argv: readonly string[]): Promise<number> {
  const [file, ...args] = argv as [string, ...string[]]
  const started = performance.now()
  const child = spawn(file, args, { stdio: 'ignore', cwd: '/', env: ENVIRONMENT })
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null]
  const timeMs = performance.now() - started
  if (code !== 0) throw new Error(`${argv.join(' ')} ended with ${code ?? signal}`)
  return timeMs
}

export function bareReport({ inImage, hostPython }: BareFigures): Report {
  const row = (title: string, summary: Summary) => [
    title,
    ...percentileCells(summary),
    String(summary.count),
  ]
  const rows = Object.entries(inImage).map(([id, summary]) => {
    const { title, bare } = programOf(id as ProgramId)
    return row(`${title}: the image's \`${bare[0]}\`, by chroot`, summary)
  })
  return {
    title: 'Baselines: bare processes without isolation, from spawn to exit',
    columns: ['process', 'p50 ms', 'p90 ms', 'p99 ms', 'processes'],
    rows: hostPython ? [row(`Python: the host's \`${HOST_PYTHON}\``, hostPython), ...rows] : rows,
  }
}
