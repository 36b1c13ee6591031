import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { type Bench, installedRuntime } from './context.ts'
import type { Program, ProgramId } from './programs.ts'
import type { Summary } from './statistics.ts'
import { percentileCells, type Report } from './table.ts'

/** A process that does the work of a program without any isolation. */
export interface BareProcess {
  readonly title: string
  readonly argv: readonly string[]
}

/** Time from a process's spawn until its exit, in ms. */
export interface BareFigure {
  readonly title: string
  readonly timeMs: Summary
}

/** By program; the first of each is what its warm runs are compared with. */
export type BareFigures = Readonly<Partial<Record<ProgramId, readonly BareFigure[]>>>

const HOST_PYTHON = '/usr/bin/python3'
/** nobody and nogroup, who can write nothing in an image but its /tmp. */
const NOBODY = '--userspec=65534:65534'
const ENVIRONMENT = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LANG: 'C.UTF-8', MPLBACKEND: 'Agg' }

/** In the runtime's image; for plain Python before that the host's own, not a version manager's shim. */
export function bareProcesses(bench: Bench, { id, title, runtime, bare }: Program): BareProcess[] {
  const { rootfs } = installedRuntime(bench, runtime)
  const inImage = {
    title: `${title}: the image's \`${bare[0]}\`, by chroot`,
    argv: ['/usr/sbin/chroot', NOBODY, rootfs, ...bare],
  }
  if (id !== 'python' || !existsSync(HOST_PYTHON)) return [inImage]
  const host = {
    title: `${title}: the host's \`${HOST_PYTHON}\``,
    argv: [HOST_PYTHON, '-I', '-c', 'pass'],
  }
  return [host, inImage]
}

/** @returns ms from spawn to exit */
export async function timeBare({ argv }: BareProcess): Promise<number> {
  const [file, ...args] = argv as [string, ...string[]]
  const started = performance.now()
  const child = spawn(file, args, { stdio: 'ignore', cwd: '/', env: ENVIRONMENT })
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null]
  const timeMs = performance.now() - started
  if (code !== 0) throw new Error(`${argv.join(' ')} ended with ${code ?? signal}`)
  return timeMs
}

export function bareReport(figures: BareFigures): Report {
  return {
    title:
      'Baselines: bare processes without isolation, from spawn to exit, by turns with the warm runs',
    columns: ['process', 'p50 ms', 'p90 ms', 'p99 ms', 'processes'],
    rows: Object.values(figures)
      .flat()
      .map(({ title, timeMs }) => [title, ...percentileCells(timeMs), String(timeMs.count)]),
  }
}
