import { closeSync, openSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { exec, execSync, killRunning, SYSTEM_ENV } from '../../src/lib/exec.ts'

const shell = (script: string) => ['sh', '-c', script]
/** It would hold its pipes, and this test, for a minute. */
const HANGING = shell('echo begun; sleep 60 & sleep 60')

describe('exec', () => {
  test('returns what a program prints on both streams', async () => {
    expect(await exec(shell('echo out; echo err >&2'))).toEqual({
      stdout: 'out\n',
      stderr: 'err\n',
      exitCode: 0,
      failure: null,
    })
  })

  test('gives it text as standard input, and nothing otherwise', async () => {
    expect((await exec(['cat'], { input: 'ü'.repeat(100_000) })).stdout).toHaveLength(100_000)
    expect(await exec(['cat'])).toMatchObject({ stdout: '', failure: null })
  })

  test('a program that does not read its input is no failure', async () => {
    expect((await exec(['true'], { input: 'x'.repeat(1_000_000) })).failure).toBeNull()
  })

  test.each([
    ['exit 3', 3, 'exit status 3'],
    ['kill -9 $$', null, 'signal SIGKILL'],
  ])('tells how it ended: %s', async (script, exitCode, failure) => {
    expect(await exec(shell(script))).toMatchObject({ exitCode, failure })
  })

  test('a program that is not there, or that cannot start, does not reject', async () => {
    const missing = await exec(['/not/there'])
    expect(missing).toMatchObject({ exitCode: null, failure: expect.stringContaining('ENOENT') })
    const tooLong = await exec(['true', 'x'.repeat(1_000_000)])
    expect(tooLong).toMatchObject({ exitCode: null, failure: expect.stringContaining('E2BIG') })
  })

  test('a time limit ends it and what it started', async () => {
    const { failure, stdout } = await exec(HANGING, { timeoutMs: 500 })
    expect(failure).toBe('signal SIGKILL')
    expect(stdout).toMatch(/^(begun\n)?$/)
  })

  test('a signal ends it, also one that came before', async () => {
    const controller = new AbortController()
    const onOutput = () => controller.abort()
    const options = { signal: controller.signal, onOutput }
    expect((await exec(HANGING, options)).failure).toBe('given up')
    expect((await exec(HANGING, options)).failure).toBe('given up')
  })

  test('all that run can be killed at once', async () => {
    const ended = [HANGING, HANGING].map((command) => exec(command))
    killRunning()
    for (const { failure } of await Promise.all(ended)) expect(failure).toBe('signal SIGKILL')
  })

  test('has the descriptors that it is given, and the environment that it is given', async () => {
    const fd = openSync('/dev/null', 'r')
    const script = 'readlink /proc/self/fd/3; echo $HOME'
    const { stdout } = await exec(shell(script), { descriptors: [fd], env: SYSTEM_ENV })
    closeSync(fd)
    expect(stdout).toBe('/dev/null\n\n')
  })
})

test('execSync tells the same of a short program', () => {
  expect(execSync(shell('echo out; echo err >&2; exit 2'))).toEqual({
    stdout: 'out\n',
    stderr: 'err\n',
    exitCode: 2,
    failure: 'exit status 2',
  })
  expect(execSync(['/not/there'])).toMatchObject({ exitCode: null })
  expect(execSync(['/not/there']).failure).toContain('ENOENT')
})
