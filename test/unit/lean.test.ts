import { describe, expect, test } from 'vitest'
import { projectDir } from '../../src/config.ts'
import { loadRuntimes, type Runtime } from '../../src/runtimes/definition.ts'
import { chooseTemplate, leanVariant } from '../../src/runtimes/lean.ts'

const RUNTIMES = new Map(
  loadRuntimes(`${projectDir()}/runtimes`).map((runtime) => [runtime.name, runtime]),
)
const python = RUNTIMES.get('python') as Runtime
const choice = (code: string, runtime = python) => chooseTemplate(runtime, Buffer.from(code))

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
