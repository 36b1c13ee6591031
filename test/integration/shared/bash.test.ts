import { describe, expect, test } from 'vitest'
import { useShared } from '../../support/shared-manager.ts'

/** A language in script mode: no main, what it prints is what it answers. */
const { client } = useShared()
const bash = (code: string, args = {}) => client.run('bash', code, args)

describe.concurrent('bash', () => {
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

  test.each([
    ["trap 'echo done' EXIT; echo work", 0, 'work\ndone\n'],
    ["trap 'exit 3' EXIT; true", 3, ''],
    ["trap 'echo $?' EXIT; (exit 4)", 4, '4\n'],
    ["trap 'sleep 0.2; echo done' EXIT; exit 0", 0, 'done\n'],
    ['echo "trap \'echo done\' EXIT" > lib.sh; . ./lib.sh; echo work', 0, 'work\ndone\n'],
    ["set -e; trap 'echo done' EXIT; false; echo never", 1, 'done\n'],
    ["trap 'echo ERR' ERR; true; echo work", 0, 'work\n'],
    ["trap 'echo done' EXIT; trap - EXIT; echo work", 0, 'work\n'],
    ["(trap 'echo inner' EXIT); echo work", 0, 'inner\nwork\n'],
    [`# ${'-'.repeat(20_000)}\ntrap 'echo done' EXIT; echo work`, 0, 'work\ndone\n'],
  ])('exit traps run, and their exit code counts: %s', async (code, exit_code, output) => {
    const answer = await bash(code)
    expect({ exit_code: answer.exit_code, output: answer.partial_stdout ?? answer.stdout }).toEqual(
      { exit_code, output },
    )
  })

  test.each([
    'echo one\r\nif true; then\r\n  echo two\r\nfi\r',
    `# ${'-'.repeat(20_000)}\r\necho one\r\nif true; then\r\n  echo two\r\nfi\r\n`,
  ])('a script with the line ends of Windows runs', async (code) => {
    expect(await bash(code)).toMatchObject({ status: 'success', stdout: 'one\ntwo\n' })
  })

  test('a carriage return that the script means stays', async () => {
    const answer = await bash("cat <<'E' | od -An -c | tr -d ' \\n'\na\r\nE\n")
    expect(answer.stdout).toBe('a\\r\\n')
  })

  test('the script is called by its own name', async () => {
    const code = 'echo "$# $0 ${BASH_SOURCE[0]}"; [ "$0" = "${BASH_SOURCE[0]}" ] && echo same'
    expect((await bash(code)).stdout).toBe('0 ./main.sh ./main.sh\nsame\n')
  })

  test.each([
    ['echo checked; grep -q zzz arguments.json', 1, /exit code 1 of its last command/],
    ['echo checked; exit 1', 1, null],
    ['set -e; echo checked; false; echo never', 1, null],
  ])('a last command that is false is told: %s', async (code, exit_code, detail) => {
    const answer = await bash(code)
    expect(answer).toMatchObject({ exit_code, partial_stdout: 'checked\n', stdout: '' })
    if (detail) expect(answer.detail).toMatch(detail)
    else expect(answer.detail).toBeNull()
  })

  test('has the runner’s input and control pipes closed', async () => {
    const answer = await bash('ls /proc/$$/fd')
    const descriptors = answer.stdout.trim().split('\n')
    expect(descriptors).toContain('1')
    expect(descriptors).not.toContain('198')
    expect(descriptors).not.toContain('199')
  })
})
