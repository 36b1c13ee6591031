import { describe } from 'vitest'
import { eachInput, type Input, useWholeManager } from '../support/user-inputs.ts'

/** Files, plots, errors and output of programs as users send them. */

const client = useWholeManager()
const each = (inputs: readonly Input[]) => eachInput(client, inputs)
const error = { status: 'program_error' }

describe('files', () => {
  each([
    {
      what: 'names of every kind, with their media types',
      code: [
        'import os',
        'def main():',
        "    os.makedirs('out/ü x/深')",
        "    open('out/ü x/深/数 据.txt', 'w').write('a')",
        "    open('a b;c&.csv', 'w').write('1')",
        "    open('noext', 'wb').write(bytes(range(256)))",
        "    open('archive.tar.gz', 'wb').write(b'x')",
      ],
      files: [
        ['数 据.txt', 'text/plain'],
        ['a b;c&.csv', 'text/csv'],
        ['noext', 'application/octet-stream'],
        ['archive.tar.gz', 'application/gzip'],
      ],
    },
    {
      what: 'a table in five forms',
      code: [
        'import pandas as pd',
        'def main():',
        "    d = pd.DataFrame({'a': [1]})",
        "    d.to_parquet('a.parquet')",
        "    d.to_pickle('a.pkl')",
        "    d.to_excel('a.xlsx')",
        "    d.to_json('a.jsonl', orient='records', lines=True)",
        "    d.to_markdown('a.md')",
      ],
      want: { status: 'success', artifacts: { length: 5 } },
    },
    {
      what: 'what is left out for its number is named',
      code: ['def main():', "    for n in range(15): open(f'f{n:02}.txt', 'w').write(str(n))"],
      want: { status: 'success', artifacts: { length: 10 } },
      detail: /f14\.txt/,
    },
    {
      what: 'an animation, and a plot in three forms',
      code: [
        'import matplotlib.pyplot as plt',
        'from matplotlib.animation import FuncAnimation, PillowWriter',
        'def main():',
        '    fig, ax = plt.subplots()',
        '    l, = ax.plot([1, 2])',
        "    FuncAnimation(fig, lambda i: l.set_ydata([i, 2]), frames=3).save('a.gif', writer=PillowWriter(5))",
        "    for kind in ['svg', 'pdf', 'webp']: plt.savefig(f'a.{kind}')",
      ],
      files: [
        ['a.gif', 'image/gif'],
        ['a.svg', 'image/svg+xml'],
        ['a.pdf', 'application/pdf'],
        ['a.webp', 'image/webp'],
      ],
    },
    {
      what: 'a chart of seaborn in Chinese with emoji, without a warning',
      code: [
        'import seaborn as sns, pandas as pd, matplotlib.pyplot as plt',
        'def main():',
        "    sns.set_theme(style='whitegrid')",
        "    ax = sns.barplot(pd.DataFrame({'城市': ['北京', '上海'], '人口': [-1, 2]}), x='城市', y='人口')",
        "    ax.set_title('人口 📈 🎉 ✅ ❤️ $\\\\alpha$')",
        '    plt.show()',
      ],
      files: [['figure-1.png', 'image/png']],
      stderr: /^$/,
    },
  ])
})

describe('errors and output', () => {
  each([
    {
      what: 'an open bracket',
      code: ['def main():', '    x = (1,', '    return x'],
      want: error,
      stderr: /'\(' was never closed/,
    },
    {
      what: 'a group of exceptions',
      code: ['def main():', "    raise ExceptionGroup('many', [ValueError('a'), TypeError('b')])"],
      want: error,
      stderr: /ValueError: a[\s\S]*TypeError: b/,
    },
    {
      what: 'a misspelt name',
      code: ['def main():', '    counter = 1', '    return countr'],
      want: error,
      stderr: "Did you mean: 'counter'",
    },
    {
      what: 'a column that is not there',
      code: ['import pandas as pd', 'def main():', "    return pd.DataFrame({'a': [1]})['b']"],
      want: error,
      stderr: /line 3, in main[\s\S]*KeyError: 'b'/,
    },
    {
      what: 'a crash',
      code: ['import os', 'def main():', "    print('before', flush=True)", '    os.abort()'],
      want: { partial_stdout: 'before\n', stdout: '' },
      detail: 'SIGABRT',
    },
    {
      what: 'an error in a thread beside a result',
      code: [
        'import threading',
        'def main():',
        "    def f(): raise ValueError('in thread')",
        '    t = threading.Thread(target=f)',
        '    t.start()',
        '    t.join()',
        '    return 1',
      ],
      value: 1,
      stderr: 'ValueError: in thread',
    },
    {
      what: 'bytes that are no text, a progress bar, a log',
      code: [
        'import sys, logging',
        'from tqdm import tqdm',
        'logging.basicConfig(level=logging.INFO)',
        'def main():',
        "    sys.stdout.buffer.write(b'\\xff ok\\n')",
        "    logging.info('hi')",
        '    for _ in tqdm(range(3)): pass',
      ],
      stdout: 'ok',
      stderr: /INFO:root:hi[\s\S]*3\/3/,
    },
    {
      what: 'too much memory, with what was printed',
      code: [
        'def main():',
        "    print('go', flush=True)",
        '    return len(bytearray(900_000_000))',
      ],
      want: { status: 'resource_limit_exceeded', partial_stdout: 'go\n' },
    },
    {
      what: 'Node.js without a network',
      language: 'nodejs',
      code: ["async function main() { return (await fetch('https://example.org')).status }"],
      want: error,
      detail: 'This sandbox has no network',
    },
    {
      what: 'curl without a network',
      language: 'bash',
      code: ['curl -sS https://example.org'],
      want: error,
      detail: 'This sandbox has no network',
    },
  ])
})
