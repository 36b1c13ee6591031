/**
 * The programs that are measured, each as the code of a run and as the command line of a bare
 * process that does the same work.
 */
export interface Program {
  readonly id: ProgramId
  readonly title: string
  readonly runtime: string
  /** Source, as a run takes it. */
  readonly code: string
  /** JSON text of the result, and what is printed. */
  readonly expected: { readonly result: string | null; readonly stdout: string }
  /** argv of the bare process, in the runtime's image. */
  readonly bare: readonly string[]
  /** The bare process takes most of a second: fewer samples do. */
  readonly slow: boolean
}

export type ProgramId = 'python' | 'pandas' | 'matplotlib' | 'nodejs' | 'bash'

/** -B: a bare process leaves no compiled module in the image. */
const PYTHON = ['/usr/bin/python3', '-I', '-B', '-c']

export const PROGRAMS: readonly Program[] = [
  {
    id: 'python',
    title: 'Python',
    runtime: 'python',
    code: 'def main():\n    return 42\n',
    expected: { result: '42', stdout: '' },
    bare: [...PYTHON, 'pass'],
    slow: false,
  },
  {
    id: 'pandas',
    title: 'Python, pandas',
    runtime: 'python',
    code: 'import pandas as pd\n\ndef main():\n    return int(pd.Series([1, 2, 3]).sum())\n',
    expected: { result: '6', stdout: '' },
    bare: [...PYTHON, 'import pandas as pd; pd.Series([1, 2, 3]).sum()'],
    slow: true,
  },
  {
    id: 'matplotlib',
    title: 'Python, matplotlib',
    runtime: 'python',
    code: [
      'import io',
      'import matplotlib.pyplot as plt',
      '',
      'def main():',
      '    plt.plot([1, 2, 3])',
      '    image = io.BytesIO()',
      '    plt.savefig(image)',
      '    return len(image.getvalue()) > 1000',
    ].join('\n'),
    expected: { result: 'true', stdout: '' },
    bare: [
      ...PYTHON,
      'import io; import matplotlib.pyplot as plt; plt.plot([1, 2, 3]); plt.savefig(io.BytesIO())',
    ],
    slow: true,
  },
  {
    id: 'nodejs',
    title: 'Node.js',
    runtime: 'nodejs',
    code: 'function main() { return 42 }\n',
    expected: { result: '42', stdout: '' },
    bare: ['/usr/local/bin/node', '-e', '0'],
    slow: false,
  },
  {
    id: 'bash',
    title: 'bash',
    runtime: 'bash',
    code: 'echo 42\n',
    expected: { result: null, stdout: '42\n' },
    bare: ['/bin/bash', '-c', 'echo 42'],
    slow: false,
  },
]

export function programOf(id: ProgramId): Program {
  return PROGRAMS.find((program) => program.id === id) as Program
}

export function isExpected(program: Program, result: string | null, stdout: string): boolean {
  return result === program.expected.result && stdout === program.expected.stdout
}
