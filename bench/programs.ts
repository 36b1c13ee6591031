/** The programs that are timed, each beside what does the same in a bare interpreter. */
export interface Program {
  readonly name: string
  readonly language: string
  readonly code: string
  /** argv in the runtime's image that does the same without any isolation. */
  readonly bare: readonly string[]
}

const PANDAS = 'import pandas as pd\nprint(float(pd.Series([1, 2, 3.5]).sum()))'
const CHART = `import matplotlib.pyplot as plt
plt.plot([1, 2, 3])
plt.savefig('/tmp/bench-chart.png')`

export const PROGRAMS: readonly Program[] = [
  {
    name: 'Python',
    language: 'python',
    code: 'def main():\n    return sum(range(10))',
    bare: ['/usr/bin/python3', '-I', '-c', 'print(sum(range(10)))'],
  },
  {
    name: 'Python, pandas',
    language: 'python',
    code: 'import pandas as pd\ndef main():\n    return float(pd.Series([1, 2, 3.5]).sum())',
    bare: ['/usr/bin/python3', '-I', '-c', PANDAS],
  },
  {
    name: 'Python, matplotlib to PNG',
    language: 'python',
    code: `import matplotlib.pyplot as plt
def main():
    plt.plot([1, 2, 3])
    plt.savefig('artifacts/chart.png')
    return 1`,
    bare: [
      '/usr/bin/env',
      'MPLBACKEND=Agg',
      'MPLCONFIGDIR=/tmp',
      '/usr/bin/python3',
      '-I',
      '-c',
      CHART,
    ],
  },
  {
    name: 'Node.js',
    language: 'nodejs',
    code: 'function main() { return [1, 2, 3].map((n) => n * 2) }',
    bare: ['/usr/local/bin/node', '-e', 'console.log([1, 2, 3].map((n) => n * 2))'],
  },
  {
    name: 'bash',
    language: 'bash',
    code: 'echo $((6 * 7))',
    bare: ['/bin/bash', '-c', 'echo $((6 * 7))'],
  },
]
