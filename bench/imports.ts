import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { type Bench, installedRuntime } from './context.ts'
import type { Service } from './service.ts'
import { type Summary, summarize } from './statistics.ts'
import { figure, type Report, ratio } from './table.ts'

/** The time that the first import of a library takes in a program, by the program's own clock. */
export interface ImportFigure {
  readonly library: string
  /** Whether an executor of the service has it loaded beforehand. */
  readonly isPreloaded: boolean
  readonly runMs: Summary
  readonly bareMs: Summary
}

const PRELOADED = [
  ...['numpy', 'pandas', 'matplotlib.pyplot', 'scipy', 'scipy.stats', 'scipy.optimize', 'sklearn'],
  ...['sklearn.linear_model', 'sklearn.ensemble', 'seaborn', 'statsmodels.api', 'sympy'],
]
const OTHERS = [
  ...['polars', 'pyarrow', 'duckdb', 'networkx', 'plotly.express', 'openpyxl', 'PIL.Image', 'cv2'],
  ...['requests', 'bs4', 'lxml.etree', 'pydantic'],
]

/** What the bare interpreter has of the runtime's environment. */
const ENVIRONMENT = {
  ...{ PATH: '/usr/bin', LANG: 'C.UTF-8', MPLBACKEND: 'Agg' },
  ...{ OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1' },
}

/** Imports each library for the first time: in runs of the service, by turns with bare interpreters of its image. */
export async function measureImports(bench: Bench, service: Service): Promise<ImportFigure[]> {
  const client = service.client()
  const figures: ImportFigure[] = []
  try {
    for (const library of [...PRELOADED, ...OTHERS]) {
      bench.say(`first imports: ${library}`)
      const runMs: number[] = []
      const bareMs: number[] = []
      // The first one fills the page cache; it does not count.
      for (let count = 0; count <= bench.options.importSamples; count++) {
        await service.untilFull(client)
        const run = Number(await client.measure(programOf(library)))
        await service.untilFull(client)
        const bare = await importBare(bench, library)
        if (count === 0) continue
        runMs.push(run)
        bareMs.push(bare)
      }
      const isPreloaded = PRELOADED.includes(library)
      figures.push({ library, isPreloaded, runMs: summarize(runMs), bareMs: summarize(bareMs) })
    }
    return figures
  } finally {
    client.close()
  }
}

function programOf(library: string) {
  const code = `import time
start = time.perf_counter()
import ${library}
ms = (time.perf_counter() - start) * 1000

def main():
    return ms
`
  const expected = { result: null, stdout: '' }
  return {
    id: 'python',
    title: library,
    runtime: 'python',
    code,
    expected,
    bare: [],
    slow: true,
  } as const
}

/** @returns ms */
async function importBare(bench: Bench, library: string): Promise<number> {
  const { rootfs } = installedRuntime(bench, 'python')
  const code = `import time; start = time.perf_counter(); import ${library}; print((time.perf_counter() - start) * 1000)`
  const argv = ['--userspec=65534:65534', rootfs, '/usr/bin/python3', '-I', '-B', '-c', code]
  const options = { env: ENVIRONMENT, signal: bench.interrupt }
  const { stdout } = await promisify(execFile)('/usr/sbin/chroot', argv, options)
  return Number(stdout)
}

/** The largest ratio of what is preloaded, at the median. */
export function slowestPreloaded(figures: readonly ImportFigure[]): number {
  const preloaded = figures.filter(({ isPreloaded }) => isPreloaded)
  return Math.max(...preloaded.map(({ runMs, bareMs }) => runMs.p50 / bareMs.p50))
}

export function importsReport(figures: readonly ImportFigure[]): Report {
  return {
    title: 'First import of each library in a run',
    columns: ['library', 'preloaded', 'in a run, p50 ms', 'bare, p50 ms', 'to bare', 'times'],
    rows: figures.map(({ library, isPreloaded, runMs, bareMs }) => [
      `\`${library}\``,
      isPreloaded ? 'yes' : 'no',
      figure(runMs.p50),
      figure(bareMs.p50),
      ratio(runMs.p50 / bareMs.p50),
      String(runMs.count),
    ]),
    notes: [
      "bare: the image's `/usr/bin/python3` without isolation, by chroot, by turns with the runs.",
    ],
  }
}
