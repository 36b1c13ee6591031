import { describe, expect, test } from 'vitest'
import { projectDir } from '../../src/config.ts'
import { loadRuntimes, type Runtime } from '../../src/runtimes/definition.ts'
import { chooseTemplate, leanVariant } from '../../src/runtimes/lean.ts'
import { richVariant } from '../../src/runtimes/rich.ts'

const RUNTIMES = new Map(
  loadRuntimes(`${projectDir()}/runtimes`).map((runtime) => [runtime.name, runtime]),
)
const python = RUNTIMES.get('python') as Runtime
const choice = (code: string, runtime = python) => chooseTemplate(runtime, Buffer.from(code), false)
const choiceOfThree = (code: string) => chooseTemplate(python, Buffer.from(code), true)

describe('the choice of the executor', () => {
  test.each([
    'def main():\n    return 1\n',
    'import json, re, datetime\ndef main(): pass',
    'import requests',
    '',
  ])('a program that names no heavy library takes the lean one: %j', (code) => {
    expect(choice(code)).toEqual({ template: 'lean-python', substitute: 'python' })
  })

  test.each([
    'import pandas as pd',
    'from scipy import stats',
    'import matplotlib.pyplot as plt',
    '__import__("numpy")',
    'from mpl_toolkits import mplot3d',
    '# 数据 pandas',
  ])('one that names such a library takes the standard one: %j', (code) => {
    expect(choice(code)).toEqual({ template: 'python', substitute: null })
  })

  test.each([
    'from scipy import stats',
    'import pandas\nfrom sklearn.svm import SVC',
    'import seaborn as sns',
    'import statsmodels.formula.api as smf',
  ])('one that names a library of the rich executor waits for that one: %j', (code) => {
    expect(choiceOfThree(code)).toEqual({ template: 'rich-python', substitute: null })
    expect(choice(code)).toEqual({ template: 'python', substitute: null })
  })

  test.each([
    ['import pandas', 'python'],
    ['import json', 'lean-python'],
  ])('the rich executor is for no other program: %j', (code, template) => {
    expect(choiceOfThree(code)).toMatchObject({ template })
  })

  test('the rich variant loads what the standard one loads, and its own libraries', () => {
    const rich = richVariant(python) as Runtime
    expect(rich.name).toBe('rich-python')
    expect(rich.preload).toEqual(expect.arrayContaining([...python.preload, 'scipy.stats']))
    expect(richVariant(RUNTIMES.get('bash') as Runtime)).toBeNull()
  })

  test('a runtime without a lean variant has one executor', () => {
    const bash = RUNTIMES.get('bash') as Runtime
    expect(leanVariant(bash)).toBeNull()
    expect(choice('echo', bash)).toEqual({ template: 'bash', substitute: null })
  })

  test('the lean variant loads everything but the heavy libraries', () => {
    const lean = leanVariant(python) as Runtime
    expect(lean.name).toBe('lean-python')
    expect(lean.preload).not.toContain('pandas')
    expect(lean.preload).toContain('json')
    expect(lean.preload.length).toBe(python.preload.length - 3)
  })
})
