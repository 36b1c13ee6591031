import { describe, expect, test } from 'vitest'
import { useManager } from '../support/manager.ts'

/** A language in script mode: no main, what it prints is what it answers. */
const client = useManager({ runtimes: ['bash'], limits: { wallTimeMs: 2000 } })
const bash = (code: string, args = {}) => client.run('bash', code, args)

describe('bash', () => {
  test('prints its answer', async () => {
    expect(await bash('echo out; echo err >&2')).toMatchObject({
      status: 'success',
      exit_code: 0,
      stdout: 'out\n',
      stderr: 'err\n',
      result: null,
    })
  })

  test('finds its arguments in a file', async () => {
    const answer = await bash('jq -r .name arguments.json', { name: 'wörld' })
    expect(answer.stdout).toBe('wörld\n')
  })

  test('a script larger than a pipe holds', async () => {
    const answer = await bash(`# ${'ü'.repeat(200_000)}\necho end`)
    expect(answer.stdout).toBe('end\n')
  })

  test('starts other programs', async () => {
    expect((await bash('echo "2 + 3" | bc; echo a b | gawk "{ print \\$2 }"')).stdout).toBe(
      '5\nb\n',
    )
  })

  test.each([
    ['exit 4', { status: 'program_error', exit_code: 4 }],
    ['if', { status: 'program_error', exit_code: 2 }],
    ['no-such-command', { status: 'program_error', exit_code: 127 }],
    ['kill -SEGV $$', { status: 'runtime_error', exit_code: 139 }],
    ['while :; do :; done', { status: 'resource_limit_exceeded', resource_limit_type: 'time' }],
    ['sleep 60', { status: 'resource_limit_exceeded', resource_limit_type: 'time' }],
    ['yes', { status: 'resource_limit_exceeded', resource_limit_type: 'output' }],
  ])('%s', async (code, expected) => {
    expect(await bash(code)).toMatchObject({ ...expected, stdout: '' })
  })

  test('leaves nothing running behind it', async () => {
    expect(await bash('sleep 60 & disown; echo done')).toMatchObject({
      status: 'success',
      stdout: 'done\n',
    })
  })

  test('has the runner’s input and control pipes closed', async () => {
    const answer = await bash('ls /proc/$$/fd')
    const descriptors = answer.stdout.trim().split('\n')
    expect(descriptors).toContain('1')
    expect(descriptors).not.toContain('198')
    expect(descriptors).not.toContain('199')
  })
})
