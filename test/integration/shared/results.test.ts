import { describe, expect, test } from 'vitest'
import { useShared } from '../../support/shared-manager.ts'

/** Nothing that main returns ends a run: the table of docs/results.md, row by row. */
const { client } = useShared()

type Row = readonly [expression: string, value: unknown, note?: RegExp]

/** The imports first, in a line of their own: what a program does not import it does not pay for. */
const python: Record<string, Row[]> = {
  'import datetime as d': [
    ['d.datetime(2024, 2, 29, 1, 2, 3, 4000)', '2024-02-29T01:02:03.004000'],
    ['d.datetime(2024, 1, 1, tzinfo=d.timezone.utc)', '2024-01-01T00:00:00+00:00'],
    ['d.date(2024, 1, 2)', '2024-01-02'],
    ['d.time(23, 59)', '23:59:00'],
    ['d.timedelta(minutes=-1.5)', -90],
    ['d.timedelta(milliseconds=250)', 0.25],
    ['{d.date(2024, 1, 2): {d.time(1): 1}}', { '2024-01-02': { '01:00:00': 1 } }],
  ],
  'from decimal import Decimal; from fractions import Fraction; import uuid, pathlib, ipaddress': [
    ['[Decimal("0.10"), Decimal("NaN"), Decimal("Infinity")]', ['0.10', null, null]],
    ['Fraction(-6, 4)', '-3/2'],
    ['uuid.UUID(int=1)', '00000000-0000-0000-0000-000000000001'],
    ['pathlib.PurePosixPath("a") / "b"', 'a/b'],
    ['ipaddress.ip_address("::1")', '::1'],
    ['1j ** 2', '(-1+0j)'],
  ],
  'import enum, dataclasses, collections, typing, types, array': [
    ['enum.Enum("E", {"A": {1}}).A', [1]],
    ['enum.IntFlag("F", {"A": 1, "B": 2}).A', 1],
    ['[enum.StrEnum("S", ["A"]).A, {enum.Enum("E", {"A": "k"}).A: 1}]', ['a', { k: 1 }]],
    ['dataclasses.make_dataclass("D", ["a", "b"])(1, {2})', { a: 1, b: [2] }],
    ['[collections.namedtuple("N", "x y")(1, 2)]', [{ x: 1, y: 2 }]],
    ['typing.NamedTuple("M", [("x", int)])(1)', { x: 1 }],
    ['types.SimpleNamespace(a=1)', { a: 1 }],
    ['types.MappingProxyType({"a": 1})', { a: 1 }],
    ['collections.deque([1, 2])', [1, 2]],
    ['collections.Counter("aab")', { a: 2, b: 1 }],
    ['collections.OrderedDict(b=1, a=frozenset([3, 1]))', { b: 1, a: [1, 3] }],
    ['collections.ChainMap({"a": 1}, {"b": 2})', { b: 2, a: 1 }],
    ['collections.UserDict(a=1)', { a: 1 }],
    ['[collections.UserList([1]), collections.UserString("t")]', [[1], 't']],
    ['array.array("i", [1, 2])', [1, 2]],
    ['(1, [2, (3,)])', [1, [2, [3]]]],
  ],
  'import networkx as nx; import sympy as sp': [
    [
      '[nx.path_graph(3).edges, nx.path_graph(2).nodes, nx.path_graph(2).edges(data=True)]',
      [
        [
          [0, 1],
          [1, 2],
        ],
        [0, 1],
        [[0, 1, {}]],
      ],
    ],
    ['[sp.Integer(3), sp.Float("0.5"), sp.true, sp.Rational(1, 3)]', [3, 0.5, true, '1/3']],
    ['[sp.sqrt(2) * 2, sp.Matrix([[1, sp.Symbol("x")]])]', ['2*sqrt(2)', [[1, 'x']]]],
  ],
  'class Chain: __iter__ = lambda self: iter((1, 2))': [['Chain()', [1, 2]]],
  'import itertools': [
    ['{"b", "a"}', ['a', 'b']],
    [
      '{3: {1, 2}, None: 0, True: 0, 1.5: 0, (1, "x"): 0}',
      { 3: [1, 2], null: 0, true: 0, 1.5: 0, "(1, 'x')": 0 },
    ],
    [
      '[range(2), zip("ab", [1, 2]), (n * n for n in range(3))]',
      [
        [0, 1],
        [
          ['a', 1],
          ['b', 2],
        ],
        [0, 1, 4],
      ],
    ],
    [
      '[{"b": 1, "a": 2}.keys(), {"a": 2}.values(), {"a": 2}.items()]',
      [['b', 'a'], [2], [['a', 2]]],
    ],
    ['[reversed([1, 2]), filter(None, [0, 1]), iter("ab")]', [[2, 1], [1], ['a', 'b']]],
    ['[b"\\0\\xff", bytearray(b"a"), memoryview(b"a")]', ['AP8=', 'YQ==', 'YQ==']],
    ['[float("nan"), {"a": float("-inf")}]', [null, { a: null }]],
    ['{1: "a", "1": {2}}', { 1: 'a', '1.1': [2] }],
    ['len(list(itertools.islice(itertools.count(), 3)))', 3],
    [
      '{"n": 10 ** 5000}',
      { n: expect.stringMatching(/^0x[0-9a-f]{998}…$/) },
      /result\[0\]\.n: .*4300 digits/,
    ],
    [
      '{"f": print}',
      { f: '<built-in function print>' },
      /result\[0\]\.f: builtin_function_or_method has no JSON/,
    ],
    ['[[int]]', [["<class 'int'>"]], /result\[0\]\[0\]\[0\]/],
    [
      'type("X", (), {"__repr__": lambda self: "x" * 5000})()',
      expect.stringMatching(/^x{1000}…$/),
      /^result\[0\]: X has/,
    ],
    ['type("X", (), {"__repr__": lambda self: 1 / 0})()', '<X object>', /X has no JSON/],
    ['[ValueError("no")]', ["ValueError('no')"], /result\[0\]/],
    ['[(n / 0 for n in [1])]', [expect.stringContaining('generator')], /ZeroDivisionError/],
    ['[print] * 9', Array(9).fill('<built-in function print>'), /and 6 more/],
  ],
  'import numpy as np': [
    [
      '[np.int8(-1), np.uint64(2 ** 64 - 1), np.float32(0.5), np.bool_(False)]',
      [-1, 2 ** 64 - 1, 0.5, false],
    ],
    [
      'np.array([[1.5, np.nan], [np.inf, -2]])',
      [
        [1.5, null],
        [null, -2],
      ],
    ],
    ['[np.array(5), np.array([]), np.arange(3) > 1]', [5, [], [false, false, true]]],
    ['np.array(["a", "b"])', ['a', 'b']],
    ['np.array([{1}, None, 2.5], dtype=object)', [[1], null, 2.5]],
    ['np.array([1 + 2j])', ['(1+2j)']],
    ['np.array(["2024-01-02", "NaT"], dtype="datetime64[D]")', ['2024-01-02', null]],
    ['np.timedelta64(90, "m")', 5400],
    ['np.array([(1, 2.5)], dtype=[("a", "i4"), ("b", "f8")])', [{ a: 1, b: 2.5 }]],
    ['np.ma.array([1, 2], mask=[0, 1])', [1, null]],
    ['{np.int64(1): {np.float64(0.5)}}', { 1: [0.5] }],
    ['[np.longdouble(0.5), np.str_("t"), np.float64(1)]', [0.5, 't', 1]],
  ],
  'import numpy as np, pandas as pd': [
    [
      'pd.DataFrame({"a": [1, 2], "b": [0.5, None]})',
      [
        { a: 1, b: 0.5 },
        { a: 2, b: null },
      ],
    ],
    [
      'pd.DataFrame({"a": [1, 2]}, index=["x", "y"])',
      [
        { index: 'x', a: 1 },
        { index: 'y', a: 2 },
      ],
    ],
    ['pd.DataFrame({"a": [1, 2, 3]})[lambda f: f.a > 2]', [{ index: 2, a: 3 }]],
    ['pd.DataFrame({"k": ["x", "x"], "n": [1, 2]}).groupby("k").sum()', [{ k: 'x', n: 3 }]],
    [
      'pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", 1), ("a", 2)]), index=pd.MultiIndex.from_tuples([(0, "z")]))',
      [{ level_0: 0, level_1: 'z', "('a', 1)": 1, "('a', 2)": 2 }],
    ],
    ['pd.DataFrame([[1, 2]], columns=["a", "a"])', [{ a: 1, 'a.1': 2 }]],
    ['pd.DataFrame()', []],
    ['pd.Series([1.5, None])', [1.5, null]],
    ['pd.Series({"a": 1, "b": 2})', { a: 1, b: 2 }],
    [
      'pd.Series([1, 2], index=["a", "a"])',
      [
        ['a', 1],
        ['a', 2],
      ],
    ],
    ['pd.Series(pd.to_datetime(["2024-01-31", None]))', ['2024-01-31T00:00:00', null]],
    [
      '[pd.NA, pd.NaT, pd.Timestamp(0), pd.Timedelta("1h")]',
      [null, null, '1970-01-01T00:00:00', 3600],
    ],
    ['pd.Series(["a", "b", "a"], dtype="category")', ['a', 'b', 'a']],
    ['pd.array([1, None], dtype="Int64")', [1, null]],
    [
      '[pd.Index([3, 1]), pd.period_range("2024-01", periods=2, freq="M")]',
      [
        [3, 1],
        ['2024-01', '2024-02'],
      ],
    ],
    ['pd.date_range("2024-01-01", periods=2)', ['2024-01-01T00:00:00', '2024-01-02T00:00:00']],
    ['{pd.Timestamp("2024-01-01"): np.int64(1)}', { '2024-01-01T00:00:00': 1 }],
    ['pd.DataFrame({"a": [1]}).groupby("a")', expect.stringContaining('GroupBy'), /no JSON form/],
  ],
}

/** Values that need no note in one run, each of the others in its own: a note is about the whole result. */
async function expectRows(language: string, code: string, rows: Row[]): Promise<void> {
  const plain = [...rows.keys()].filter((n) => !rows[n]?.[2])
  const noted = [...rows.keys()].filter((n) => rows[n]?.[2])
  for (const numbers of [plain, ...noted.map((n) => [n])]) {
    if (numbers.length === 0) continue
    const answer = await client.run(language, code, { numbers })
    expect(answer).toMatchObject({ status: 'success', stderr: '' })
    const values = answer.result?.value as unknown[]
    for (const [index, n] of numbers.entries()) {
      const [expression, value] = rows[n] as Row
      expect({ expression, value: values[index] }).toEqual({ expression, value })
    }
    const note = numbers.length === 1 ? rows[numbers[0] as number]?.[2] : undefined
    if (note) expect(answer.detail).toMatch(note)
    else expect(answer.detail).toBeNull()
  }
}

describe.concurrent.each(Object.entries(python))('python: %s', (imports, rows) => {
  test('every row', async () => {
    const items = rows.map(([expression]) => `lambda: ${expression}`).join(',\n  ')
    const main = 'def main(numbers): return [VALUES[n]() for n in numbers]'
    await expectRows('python', `${imports}\nVALUES = [\n  ${items}]\n${main}`, rows)
  })
})

const nodejs: Row[] = [
  ['new Map([["a", new Map([["b", 1]])]])', { a: { b: 1 } }],
  ['new Map([[{ a: 1 }, 2]])', [[{ a: 1 }, 2]]],
  [
    '[new Set(["a"]), new Map().keys(), [1, 2].entries()]',
    [
      ['a'],
      [],
      [
        [0, 1],
        [1, 2],
      ],
    ],
  ],
  ['[1n, -(2n ** 60n), Object(2n)]', [1, '-1152921504606846976', 2]],
  ['[new Date(1e12), new Date(NaN)]', ['2001-09-09T01:46:40.000Z', null]],
  [
    '[Int8Array.of(-1), new BigUint64Array([1n]), Buffer.from("a"), new ArrayBuffer(1)]',
    [[-1], [1], [97], [0]],
  ],
  [
    '{ a: undefined, b: () => 1, c: Symbol("s"), d: [undefined, NaN] }',
    { a: null, b: null, c: null, d: [null, null] },
  ],
  [
    'Object.assign(new RangeError("no"), { code: "E", at: new Date(0) })',
    { name: 'RangeError', message: 'no', code: 'E', at: '1970-01-01T00:00:00.000Z' },
  ],
  [
    'new Error("a", { cause: new TypeError("b") })',
    { name: 'Error', message: 'a', cause: { name: 'TypeError', message: 'b' } },
  ],
  ['new (class { #hidden = 1; shown = new Set([1]); get not() { return 1 } })()', { shown: [1] }],
  ['{ toJSON: () => ({ at: new Map([["a", 1]]) }) }', { at: { a: 1 } }],
  [
    '[/a/g, new URL("http://a/"), new URLSearchParams("a=1"), Object("s")]',
    ['/a/g', 'http://a/', [['a', '1']], 's'],
  ],
  ['(function* () { yield 1; yield new Set([2]) })()', [1, [2]]],
  ['Object.create(null)', {}],
  ['require("vm").runInNewContext("({ a: [1, new Set([2])] })")', { a: [1, [2]] }],
  [
    '[[Promise.resolve(1)]]',
    [['Promise { 1 }']],
    /result\[0\]\[0\]\[0\]: a promise that nobody awaited/,
  ],
  [
    '{ get a() { throw new TypeError("no") }, b: 1 }',
    { a: null, b: 1 },
    /result\[0\]\.a: could not be read \(TypeError\)/,
  ],
  [
    '(() => { const a = { b: [] }; a.b.push(a); return a })()',
    { b: [expect.stringContaining('Circular')] },
    /result\[0\]\.b\[0\]: refers to what it is part of/,
  ],
  ['(() => { const a = [1]; return [a, a] })()', [[1], [1]]],
  ['undefined', null],
]

describe.concurrent('nodejs', () => {
  test('every row', async () => {
    const items = nodejs.map(([expression]) => `() => (${expression})`).join(',\n  ')
    const main = 'function main({ numbers }) { return numbers.map((n) => values[n]()) }'
    await expectRows('nodejs', `const values = [\n  ${items}]\n${main}`, nodejs)
  })
})
