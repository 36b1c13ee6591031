import { expect, test } from 'vitest'
import { useManager } from '../support/manager.ts'

/** The executor that has libraries loaded which programs name less often than pandas. */

const client = useManager({
  runtimes: ['python'],
  leanExecutors: true,
  richExecutors: true,
  poolSize: 2,
  limits: { wallTimeMs: 60_000, memoryBytes: 512 * 1024 ** 2 },
})
const TIMEOUT_MS = 120_000

const run = (...lines: string[]) => client.run('python', lines.join('\n'))

/** Which libraries' machine code the process has mapped. */
const MAPPED = [
  'def mapped(name):',
  '    with open("/proc/self/maps") as file:',
  '        return f"dist-packages/{name}/" in file.read()',
]

test.each([
  ['import scipy', [true, true]],
  ['import pandas', [true, false]],
  ['import json', [false, false]],
])(
  'the libraries that %s finds loaded',
  async (line, loaded) => {
    // The lean and the rich pool are ready some time after the start.
    await expect
      .poll(
        async () => {
          // The names are put together: the text must not contain what it does not import.
          const names = '["num" + "py", "sk" + "learn"]'
          const code = [line, ...MAPPED, 'def main():', `    return [mapped(n) for n in ${names}]`]
          return (await run(...code)).result?.value
        },
        { timeout: 60_000 },
      )
      .toEqual(loaded)
  },
  TIMEOUT_MS,
)

test('a program sees of it only what it imports', async () => {
  const { result } = await run(
    'import sys',
    'from scipy import stats',
    'def main():',
    '    roots = {name.partition(".")[0] for name in sys.modules}',
    '    return [float(stats.norm.cdf(0)), sorted(roots & {"numpy", "sklearn", "seaborn", "statsmodels", "pandas"})]',
  )
  expect(result?.value).toEqual([0.5, ['numpy']])
})

test(
  'what is drawn at random differs from run to run',
  async () => {
    const draw = () =>
      run(
        'import numpy as np',
        'from scipy import stats',
        'from sklearn.ensemble import RandomForestRegressor',
        'from sklearn.model_selection import train_test_split',
        'def main():',
        '    rows = list(range(1000))',
        '    x = np.arange(200.0).reshape(-1, 1)',
        '    forest = RandomForestRegressor(5).fit(x, x[:, 0] ** 2)',
        '    return [stats.norm.rvs(), train_test_split(rows)[1][:5], float(forest.predict([[50.5]])[0])]',
      )
    const answers = [await draw(), await draw()].map(({ result }) => result?.value as unknown[])
    for (const index of [0, 1]) expect(answers[0]?.[index]).not.toEqual(answers[1]?.[index])
  },
  TIMEOUT_MS,
)

test(
  'models, charts and tests of each library give what they give elsewhere',
  async () => {
    const answer = await run(
      'import numpy as np, pandas as pd, seaborn as sns, matplotlib.pyplot as plt',
      'import statsmodels.formula.api as smf',
      'from scipy import optimize, stats',
      'from sklearn.cluster import KMeans',
      'from sklearn.pipeline import make_pipeline',
      'from sklearn.preprocessing import StandardScaler',
      'from sklearn.linear_model import LogisticRegression',
      'def main():',
      '    table = pd.DataFrame({"x": range(20), "y": [2 * n + 1 + n % 2 for n in range(20)]})',
      '    fit = smf.ols("y ~ x", table).fit()',
      '    t = stats.ttest_ind([1, 2, 3, 4], [2, 3, 4, 5])',
      '    root = optimize.brentq(lambda x: x * x - 2, 0, 2)',
      '    groups = KMeans(2, n_init=3, random_state=0).fit(table[["x"]]).labels_',
      '    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(table[["x"]], table["x"] > 9)',
      '    sns.regplot(table, x="x", y="y")',
      '    plt.savefig("fit.png")',
      '    return [round(fit.params["x"], 6), round(t.pvalue, 6), round(root, 6), int(abs(groups[0] - groups[-1])),',
      '            model.predict(pd.DataFrame({"x": [3, 15]})).tolist()]',
    )
    expect(answer).toMatchObject({ status: 'success', stderr: '' })
    expect(answer.result?.value).toEqual([2.007519, 0.315334, 1.414214, 1, [false, true]])
    expect(answer.artifacts.map(({ name }) => name)).toEqual(['fit.png'])
  },
  TIMEOUT_MS,
)
