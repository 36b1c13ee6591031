import { describe } from 'vitest'
import { eachInput, type Input, useWholeManager } from '../support/user-inputs.ts'

/** Python as users send it: results and forms of programs. */

const client = useWholeManager()
const each = (inputs: readonly Input[]) => eachInput(client, inputs)

describe('results of Python', () => {
  each([
    {
      what: 'categories, periods and an array with NA',
      code: [
        'import pandas as pd',
        'def main():',
        "    return {'c': pd.Categorical(['a', 'b']), 'p': pd.period_range('2024-01', periods=2, freq='M'),",
        "            's': pd.array([1, None], dtype='Int64')}",
      ],
      value: { c: ['a', 'b'], p: ['2024-01', '2024-02'], s: [1, null] },
    },
    {
      what: 'a masked array',
      code: [
        'import numpy as np',
        'def main():',
        '    return np.ma.array([1, 2, 3], mask=[0, 1, 0])',
      ],
      value: [1, null, 3],
    },
    {
      what: 'flags and sets within a dataclass',
      code: [
        'import enum, dataclasses as d',
        'class F(enum.Flag):',
        '    A = 1',
        '    B = 2',
        '@d.dataclass',
        'class P:',
        '    f: F',
        '    t: tuple',
        'def main():',
        '    return P(F.A | F.B, (1, {2, 3}))',
      ],
      value: { f: 3, t: [1, [2, 3]] },
    },
    {
      what: 'times with a zone, a leap day and a duration',
      code: [
        'from datetime import *',
        'from zoneinfo import ZoneInfo',
        'def main():',
        "    return [datetime(2024, 3, 31, 12, tzinfo=ZoneInfo('Europe/Berlin')), time(1, 2, 3), date(2024, 2, 29),",
        '            timedelta(days=1, milliseconds=5)]',
      ],
      value: ['2024-03-31T12:00:00+02:00', '01:02:03', '2024-02-29', 86400.005],
    },
    {
      what: 'mappings of every kind',
      code: [
        'from collections import *',
        'def main():',
        '    d = defaultdict(lambda: defaultdict(int))',
        "    d['x'][1] += 1",
        "    return [Counter('aab'), d, OrderedDict(a=1), ChainMap({'a': 1}, {'b': 2}), UserDict(z=1)]",
      ],
      value: [{ a: 2, b: 1 }, { x: { 1: 1 } }, { a: 1 }, { a: 1, b: 2 }, { z: 1 }],
    },
    {
      what: 'a table of polars',
      code: [
        'import polars as pl, datetime as dt',
        'def main():',
        "    return pl.DataFrame({'d': [dt.date(2024, 1, 1)], 'v': [1.5], 'l': [[1, 2]]})",
      ],
      value: [{ d: '2024-01-01', v: 1.5, l: [1, 2] }],
    },
    {
      what: 'a fitted model among its numbers is described',
      code: [
        'from sklearn.linear_model import LinearRegression',
        'def main():',
        '    m = LinearRegression().fit([[0], [1]], [0, 2])',
        "    return {'model': m, 'slope': round(m.coef_[0], 6)}",
      ],
      value: { model: 'LinearRegression()', slope: 2 },
      detail: /result\.model/,
    },
    {
      what: 'a figure that is returned comes as a file',
      code: [
        'import matplotlib.pyplot as plt',
        'def main():',
        '    fig, ax = plt.subplots()',
        '    ax.plot([1, 2])',
        '    return fig',
      ],
      files: [['figure-1.png', 'image/png']],
    },
  ])
})

describe('forms of Python', () => {
  each([
    {
      what: 'patterns with guards',
      code: [
        'def main(x=3):',
        '    match x:',
        '        case int(n) if (m := n * 2) > 5:',
        "            return {'m': m}",
      ],
      value: { m: 6 },
    },
    {
      what: 'type parameters and nested quotes',
      code: [
        'type P[T] = list[T]',
        'class Box[T]:',
        '    def __init__(self, v: T): self.v = v',
        'def main() -> P[int]:',
        "    return [Box(1).v, f'{'nested'!r}']",
      ],
      value: [1, "'nested'"],
    },
    {
      what: 'main as a lambda, a decorated function, with any arguments',
      code: [
        'import functools',
        'def plus(f):',
        '    @functools.wraps(f)',
        '    def g(*a, **k): return [f(*a, **k), a, k]',
        '    return g',
        'main = plus(lambda **k: len(k))',
      ],
      args: { a: 1, ü: [null, true] },
      value: [2, [], { a: 1, ü: [null, true] }],
    },
    {
      what: 'a byte order mark and CRLF',
      code: ["\ufeffdef main():\r\n    return 'ü'\r\n"],
      value: 'ü',
    },
    {
      what: 'task groups',
      code: [
        'import asyncio',
        'async def w(n):',
        '    await asyncio.sleep(0.01)',
        '    return n',
        'async def main():',
        '    async with asyncio.TaskGroup() as g:',
        '        ts = [g.create_task(w(n)) for n in range(3)]',
        '    return [t.result() for t in ts]',
      ],
      value: [0, 1, 2],
    },
    {
      what: 'pools of processes and threads, and a queue',
      code: [
        'import multiprocessing as mp',
        'from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor',
        'def sq(x): return x * x',
        'def put(q): q.put(mp.current_process().name)',
        'def main():',
        '    with ProcessPoolExecutor(2) as p: a = list(p.map(sq, range(4)))',
        '    with ThreadPoolExecutor(4) as p: b = list(p.map(sq, range(4)))',
        '    q = mp.Queue()',
        "    p = mp.Process(target=put, args=(q,), name='W')",
        '    p.start()',
        '    name = q.get()',
        '    p.join()',
        '    return [a, b, name, p.exitcode]',
      ],
      value: [[0, 1, 4, 9], [0, 1, 4, 9], 'W', 0],
    },
    {
      what: 'an alarm of its own',
      code: [
        'import signal, time',
        'class Late(Exception): pass',
        "def ring(s, f): raise Late('late')",
        'def main():',
        '    signal.signal(signal.SIGALRM, ring)',
        '    signal.setitimer(signal.ITIMER_REAL, 0.05)',
        '    try: time.sleep(30)',
        '    except Late as e: return str(e)',
      ],
      value: 'late',
    },
    {
      what: 'source code and help of itself and of libraries',
      code: [
        'import inspect, statistics',
        'import pandas as pd',
        'def f():',
        '    return 1',
        'def main():',
        '    help(pd.DataFrame.melt)',
        "    return [inspect.getsource(f), 'def mean' in inspect.getsource(statistics.mean)]",
      ],
      value: ['def f():\n    return 1\n', true],
      stdout: 'Unpivot',
    },
    {
      what: 'numbers and names of days by locale',
      code: [
        'import locale, datetime',
        'def main():',
        "    locale.setlocale(locale.LC_ALL, 'de_DE.UTF-8')",
        "    number = locale.format_string('%.2f', 1234.5, grouping=True)",
        "    locale.setlocale(locale.LC_TIME, 'ja_JP.UTF-8')",
        "    return [number, datetime.date(2024, 1, 2).strftime('%A')]",
      ],
      value: ['1.234,50', '火曜日'],
    },
  ])
})
