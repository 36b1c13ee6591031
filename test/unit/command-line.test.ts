import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { COMMANDS, helpText } from '../../cli/commands.ts'
import { limitsOf } from '../../cli/request.ts'
import { saveFiles } from '../../cli/save-files.ts'
import { readSettings } from '../../cli/settings.ts'
import { forTerminal } from '../../cli/terminal.ts'
import { projectDir } from '../../src/config.ts'
import { commandLine, runCommand } from '../support/command-line.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'command-line-'))
afterAll(() => rmSync(folder, { recursive: true }))

describe('the config file', () => {
  const home = path.join(folder, 'home')
  const file = path.join(home, '.config/executor-manager/config.json')
  const env = { HOME: home }
  mkdirSync(path.dirname(file), { recursive: true })
  const write = (text: string, mode = 0o600) => {
    writeFileSync(file, text)
    chmodSync(file, mode)
  }

  test('gives the service and the key; variables go before it', () => {
    write('{"url": "http://a:1", "key": "k"}')
    expect(readSettings(undefined, env)).toEqual({ url: 'http://a:1', key: 'k' })
    const own = { ...env, EXECUTOR_MANAGER_API_KEY: 'other' }
    expect(readSettings(undefined, own)).toEqual({ url: 'http://a:1', key: 'other' })
  })

  test('its key is shown to its own service alone', () => {
    write('{"url": "http://a:1", "key": "k"}')
    expect(readSettings('http://b:1', env)).toEqual({ url: 'http://b:1', key: undefined })
    const other = { ...env, EXECUTOR_MANAGER_URL: 'http://b:1' }
    expect(readSettings(undefined, other)).toEqual({ url: 'http://b:1', key: undefined })
  })

  test.each([0o640, 0o604, 0o660])('is refused with mode %o', (mode) => {
    write('{"key": "k"}', mode)
    expect(() => readSettings(undefined, env)).toThrow(`chmod 600 ${file}`)
  })

  test.each(['', '[]', '{"kay": "k"}', '{"key": 1}'])('is refused when it holds %s', (text) => {
    write(text)
    expect(() => readSettings(undefined, env)).toThrow(file)
  })
})

test('limits are written with units', () => {
  expect(limitsOf(['wall=1.5s', 'memory=1g', 'output=64k'])).toEqual({
    wall_ms: 1500,
    memory_mb: 1024,
    output_bytes: 65_536,
  })
  expect(limitsOf(['wall=20', 'memory=64M', 'output=7'])).toEqual({
    wall_ms: 20,
    memory_mb: 64,
    output_bytes: 7,
  })
  for (const text of ['wall', 'wall=', 'wall=-1', 'wall=5h', 'memory=1k', 'toString=1', 'wall=0']) {
    expect(() => limitsOf([text]), text).toThrow(`--limit ${text}`)
  }
})

describe('files that come back', () => {
  const file = (name: string) => ({
    path: name,
    size: 1,
    media_type: 'text/plain',
    content_base64: 'eA==',
  })

  test('are written where they belong', () => {
    const out = path.join(folder, 'out')
    expect(saveFiles([file('a/b.txt')], out)).toEqual([path.join(out, 'a/b.txt')])
    expect(readFileSync(path.join(out, 'a/b.txt'), 'utf8')).toBe('x')
  })

  test.each(['../evil', 'a/../../evil', 'link/evil', 'link/deep/evil', 'final', '..'])(
    '%s leads nowhere else',
    (name) => {
      const out = path.join(folder, 'links')
      const elsewhere = path.join(folder, 'elsewhere')
      for (const made of [out, elsewhere]) mkdirSync(made, { recursive: true })
      for (const [link, to] of [
        ['link', elsewhere],
        ['final', path.join(folder, 'evil')],
      ]) {
        rmSync(path.join(out, link as string), { force: true })
        symlinkSync(to as string, path.join(out, link as string))
      }
      expect(() => saveFiles([file(name)], out)).toThrow('is not written')
      expect(existsSync(path.join(folder, 'evil'))).toBe(false)
      expect(existsSync(path.join(elsewhere, 'evil'))).toBe(false)
      expect(existsSync(path.join(elsewhere, 'deep'))).toBe(false)
    },
  )
})

test('a terminal is shown colours and text, and takes no orders', () => {
  expect(forTerminal('\x1b[1;31mred\x1b[0m\tü\r\n')).toBe('\x1b[1;31mred\x1b[0m\tü\r\n')
  expect(forTerminal('\x1b]0;title\x07\x1b[2J\x9b2J\x1bc')).not.toMatch(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    /[\x00-\x08\x0b-\x1f\x7f-\x9f]/,
  )
})

test('the help tells every command and every option', async () => {
  const all = await commandLine(['--help'])
  const tellAll = Object.entries(COMMANDS).map(async ([name, { options }]) => {
    expect(all.stdout).toContain(`  ${name}`)
    for (const option of Object.keys(options)) expect(helpText(name)).toContain(`--${option}`)
    expect(await commandLine([name, '--help'])).toEqual({
      code: 0,
      stdout: `${helpText(name)}\n`,
      stderr: '',
    })
  })
  await Promise.all(tellAll)
  expect((await commandLine(['run', '--lim', 'a.py'])).stderr).toContain("Unknown option '--lim'")
  expect(await commandLine(['fly'])).toMatchObject({ code: 2 })
})

test('a service that is not there is one sentence', async () => {
  const env = { EXECUTOR_MANAGER_URL: 'http://no-such-host.invalid', HOME: folder }
  const end = await commandLine(['status'], { env })
  expect(end.code).toBe(125)
  expect(end.stderr).toContain('http://no-such-host.invalid does not answer')
}, 60_000)

const COMPLETED: [string[], string][] = [
  [['executor-manager', 'stat'], 'status'],
  [['executor-manager', 'run', '--lim'], '--limit'],
  [['executor-manager', 'run', '--limit', 'mem'], 'memory='],
  [['executor-manager', 'run', '--mode', 'f'], 'function'],
  [['executor-manager', 'run', 'package.j'], 'package.json'],
  [['executor-manager', 'run', '--file', 'package.j'], 'package.json'],
  [['executor-manager', 'completion', 'z'], 'zsh'],
]

/** The script of a shell, asked for once. */
const scripts = new Map<string, Promise<string>>()
function scriptOf(shell: string): Promise<string> {
  const script =
    scripts.get(shell) ?? commandLine(['completion', shell]).then(({ stdout }) => stdout)
  scripts.set(shell, script)
  return script
}

test.each(COMPLETED)('bash completes %s to %s', async (words, completed) => {
  const script = await scriptOf('bash')
  const list = words.map((word) => `'${word}'`).join(' ')
  const asked = `COMP_WORDS=(${list}); COMP_CWORD=${words.length - 1}; _executor_manager`
  const input = `${script}\n${asked}; echo "\${COMPREPLY[@]}"`
  expect(await runCommand('bash', ['--norc'], { input })).toEqual({
    code: 0,
    stdout: `${completed}\n`,
    stderr: '',
  })
})

// Few machines have it: there the script is tried in it.
const hasFish = spawnSync('fish', ['--version']).status === 0

test.skipIf(!hasFish).each(COMPLETED)('fish completes %s to %s', async (words, completed) => {
  const script = await scriptOf('fish')
  const asked = `${script}\ncomplete -C'${words.join(' ')}'`
  const end = await runCommand('fish', ['--no-config', '-c', asked])
  expect(end).toMatchObject({ code: 0, stderr: '' })
  expect(end.stdout.split(/\s/)[0]).toBe(completed)
})

test('the image has what the command line is made of', () => {
  const sources = ['cli/bin.mjs', 'cli/main.ts', 'cli/mcp.ts', 'cli/info.ts', 'cli/run.ts']
  const imported = sources.flatMap((source) => {
    const text = readFileSync(path.join(projectDir(), source), 'utf8')
    return [...text.matchAll(/from '(\.\.?\/[^']+)'/g)].map(([, to]) =>
      path.join(path.dirname(source), to as string),
    )
  })
  const kept = readFileSync(path.join(projectDir(), '.dockerignore'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('!'))
    .map((line) => line.slice(1))
  for (const file of [...sources, ...imported]) {
    expect(
      kept.some((part) => file === part || file.startsWith(`${part}/`)),
      file,
    ).toBe(true)
  }
})
