import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { projectDir } from '../../src/config.ts'
import type { Client } from './client.ts'
import { useManager } from './manager.ts'
import { NODEJS_PASSED, NODEJS_REFUSED, PYTHON_PASSED, PYTHON_REFUSED } from './policy-cases.ts'

const HONEST = path.join(projectDir(), 'test/corpus/honest')
/** Of how many cases of one kind one is essential. */
const ONE_OF = 12

/** What a program that the policy refuses is answered. */
export const REFUSED = {
  status: 'program_runner_error',
  exit_code: -999,
  detail: 'Code is unsafe',
  stdout: '',
  result: null,
  artifacts: [],
}

/** A manager whose code policy is `balanced`. */
export function useBalancedPolicy(): Client {
  return useManager({
    runtimes: ['python', 'nodejs'],
    codePolicy: 'balanced',
    poolSize: 3,
    limits: { wallTimeMs: 20_000 },
  })
}

/** Whether a case runs with every change: the first of a kind, and each `ONE_OF`th after it. */
export function isEssential(_case: unknown, index: number): boolean {
  return index % ONE_OF === 0
}

/**
 * Defines a test for each chosen case: honest programs run, evasions are found, everyday code passes.
 * @param isChosen is given each case of a kind and its place among them
 */
export function testBalancedPolicy(
  client: Client,
  isChosen: (one: unknown, index: number) => boolean,
): void {
  const files = readdirSync(HONEST).sort()

  test('there are enough honest programs', () => {
    expect(files.filter((name) => name.endsWith('.py')).length).toBeGreaterThanOrEqual(40)
    expect(files.filter((name) => name.endsWith('.js')).length).toBeGreaterThanOrEqual(20)
  })

  test.concurrent.each(files.filter(isChosen))('honest: %s', async (name) => {
    const language = name.endsWith('.py') ? 'python' : 'nodejs'
    const answer = await client.run(language, readFileSync(path.join(HONEST, name), 'utf8'))
    expect(`${answer.status} ${answer.status === 'success' ? '' : answer.stderr}`).toBe('success ')
  })

  describe.each([
    ['python', PYTHON_REFUSED, PYTHON_PASSED],
    ['nodejs', NODEJS_REFUSED, NODEJS_PASSED],
  ])('%s', (language, refused, passed) => {
    test.concurrent.each(refused.filter(isChosen))('refused: %s', async (code) => {
      const answer = await client.run(language, code)
      expect(answer).toMatchObject(REFUSED)
      expect(answer.stderr).toMatch(/^(Line -?\d+: .+\n?)+$/)
    })

    test.concurrent.each(passed.filter(isChosen))('passed: %s', async (code) => {
      expect(await client.run(language, code)).not.toMatchObject({ exit_code: -999 })
    })
  })
}
