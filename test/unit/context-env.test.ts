import { expect, test } from 'vitest'
import { canTell } from '../../src/sessions/context-env.ts'
import type { Kernel } from '../../src/sessions/context-types.ts'

const python = { takesEnv: true } as Kernel
const bash = { takesEnv: false } as Kernel

test.each([
  [{}, true],
  [{ API_KEY: 'k', TZ: 'UTC', PATH: '/bin', _x1: '' }, true],
  [{ PYTHONPATH: '/x' }, false],
  [{ NODE_OPTIONS: '--expose-gc' }, false],
  [{ LD_PRELOAD: '/x.so' }, false],
  [{ LANG: 'C' }, false],
  [{ LC_ALL: 'C' }, false],
  [{ HOME: '/root' }, false],
  [{ TMPDIR: '/x' }, false],
  [{ 'no.name': '1' }, false],
  [{ '1X': '1' }, false],
])('of %j an interpreter that runs can be told: %s', (env, can) => {
  expect(canTell(python, env)).toBe(can)
})

test('a shell that runs is told of no variables', () => {
  expect(canTell(bash, {})).toBe(true)
  expect(canTell(bash, { API_KEY: 'k' })).toBe(false)
})
